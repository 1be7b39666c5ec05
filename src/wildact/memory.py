"""Hand memory that was freed back to the system, so that a process does not grow with the length of a video.

A network frees hundreds of MB after each batch, and what was found stays: small blocks between large holes.
The C library of Linux (glibc) keeps such holes, and fills them only in part: what is in use stays, and what
is held but free grows with the video. ``benchmarks/memory.py`` measures what comes of it.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

EVERY_S = 10.0
"""Seconds between two calls: each takes some milliseconds, and what is used next needs new pages."""


def give_back_freed(items: Iterable[T], *, every_s: float = EVERY_S) -> Iterator[T]:
    """Pass items on; hand freed memory back every few seconds and after the last one.

    Args:
        items: of any kind, from a loop that takes long.
        every_s: seconds from one time to the next.
    """
    last = time.monotonic()
    try:
        for item in items:
            yield item
            if time.monotonic() - last >= every_s:
                give_back()
                last = time.monotonic()
    finally:
        give_back()


def _find_trim() -> Callable[[int], int] | None:
    """The function of glibc that does it; None where the process runs on another C library."""
    if sys.platform != "linux":
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


_trim = _find_trim()


def give_back() -> None:
    """Hand all freed memory back, also that between blocks in use; without glibc: nothing."""
    if _trim is not None:
        _trim(0)
