import ctypes
import os

import numpy as np
import psutil
import pytest

from wildact import memory
from wildact.memory import give_back, give_back_freed

BLOCK = 64 * 1024
"""Bytes; below the size from which glibc gives each block pages of its own."""


def _resident_mb() -> float:
    return psutil.Process(os.getpid()).memory_info().rss / 1e6


@pytest.mark.skipif(memory._trim is None, reason="this C library keeps no holes that it could be asked for")
def test_holes_between_blocks_in_use_are_handed_back() -> None:
    blocks = [np.ones(BLOCK, np.uint8) for _ in range(3000)]
    kept = blocks[::30]
    del blocks
    before = _resident_mb()

    give_back()

    assert before - _resident_mb() > 100  # of 197 MB
    assert all(block.all() for block in kept)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What glibc's function is called with."""
    calls: list[int] = []

    def trim(pad: int) -> int:
        calls.append(pad)
        return 1

    monkeypatch.setattr(memory, "_trim", trim)
    return calls


def test_items_pass_unchanged_and_memory_is_handed_back_at_the_end(calls: list[int]) -> None:
    assert list(give_back_freed(range(5))) == [0, 1, 2, 3, 4]
    assert calls == [0]


def test_memory_is_handed_back_every_few_seconds(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(memory.time, "monotonic", lambda: now_s)
    times = []

    for _ in give_back_freed(range(7), every_s=3):
        times.append(len(calls))
        now_s += 1

    assert times == [0, 0, 0, 1, 1, 1, 2]


def test_a_loop_that_is_left_early_hands_memory_back(calls: list[int]) -> None:
    items = give_back_freed(range(5))
    next(items)
    items.close()
    assert calls == [0]


def test_without_such_a_function_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", None)
    assert list(give_back_freed("ab")) == ["a", "b"]


def test_the_function_is_found_where_the_process_runs_on_glibc() -> None:
    on_glibc = hasattr(ctypes.CDLL(None), "gnu_get_libc_version") if os.name == "posix" else False
    assert (memory._trim is not None) == on_glibc
