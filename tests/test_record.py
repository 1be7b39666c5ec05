import json
import platform
import subprocess
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact import record
from wildact.errors import OutputError
from wildact.record import StageTimer, describe_environment, save_json


def test_environment_names_code_and_machine() -> None:
    environment = describe_environment()
    assert environment["versions"]["numpy"] == np.__version__
    assert environment["versions"]["python"] == platform.python_version()
    assert "libavcodec" in environment["versions"]
    assert environment["cpu"]["threads"] >= 1
    assert environment["ram_gb"] > 0
    assert environment["gpus"] == "none" or environment["gpus"][0]["name"]
    assert environment["date_utc"].endswith("+00:00")
    json.dumps(environment)


def test_environment_does_not_name_the_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "ranger-station-7")
    assert "ranger-station-7" not in json.dumps(describe_environment())


def test_source_of_a_checkout(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    try:
        subprocess.run([*git, "init", "-q"], check=True)
    except OSError:
        pytest.skip("git is not installed")
    assert record._describe_source(tmp_path) == "not recorded"  # no commit yet
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    clean = record._describe_source(tmp_path)
    assert isinstance(clean, dict)
    assert len(clean["commit"]) == 40
    assert clean["changed"] is False
    (tmp_path / "new.txt").write_text("x")
    assert record._describe_source(tmp_path) == clean | {"changed": True}


def test_source_without_checkout_or_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert record._describe_source(tmp_path) == "not recorded"
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert record._describe_source(tmp_path) == "not recorded"


def test_stages_add_up_also_when_they_raise() -> None:
    timer = StageTimer()
    with timer.stage("detect"):
        time.sleep(0.01)
    first = timer.seconds["detect"]
    assert first >= 0.009
    with pytest.raises(ValueError, match="broken"), timer.stage("detect"):
        raise ValueError("broken")
    assert timer.seconds["detect"] > first
    assert list(timer.seconds) == ["detect"]


def test_iterate_counts_making_items_and_not_using_them() -> None:
    def slow() -> Iterator[int]:
        for i in range(3):
            time.sleep(0.01)
            yield i

    timer = StageTimer()
    items = []
    start = time.perf_counter()
    for item in timer.iterate("decode", slow()):
        items.append(item)
        time.sleep(0.02)
    wall_s = time.perf_counter() - start
    assert items == [0, 1, 2]
    assert 0.029 <= timer.seconds["decode"] <= wall_s - 0.059


def test_inner_stages_are_taken_out_of_outer_ones() -> None:
    timer = StageTimer()
    start = time.perf_counter()
    with timer.stage("recognize"):
        time.sleep(0.01)
        frames = timer.iterate("decode", (time.sleep(0.03) for _ in range(2)))
        for _ in timer.iterate("clip", frames):
            pass
    wall_s = time.perf_counter() - start
    assert timer.seconds["decode"] >= 0.059
    assert timer.seconds["recognize"] <= wall_s - 0.059
    assert 0.069 <= sum(timer.seconds.values()) <= wall_s


def test_iterate_of_nothing_and_of_an_error() -> None:
    timer = StageTimer()
    assert list(timer.iterate("decode", [])) == []

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(timer.iterate("decode", broken()))
    assert timer.seconds["decode"] >= 0


def test_json_is_readable_and_strict(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    values = {
        "rate": Fraction(30000, 1001),
        "path": Path("a/b"),
        "score": float("nan"),
        "nested": [{"x": np.float32(0.5), "y": np.array([1.0, np.inf])}],
        "name": "Füchse",
        3: True,
    }
    save_json(path, values)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "rate": "30000/1001",
        "path": str(Path("a/b")),
        "score": None,
        "nested": [{"x": 0.5, "y": [1.0, None]}],
        "name": "Füchse",
        "3": True,
    }
    assert "Füchse" in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["run.json"]


def test_json_replaces_whole_files_only(tmp_path: Path) -> None:
    save_json(tmp_path / "run.json", {"old": 1})
    endless: dict[str, object] = {}
    endless["self"] = endless
    with pytest.raises(RecursionError):
        save_json(tmp_path / "run.json", endless)
    assert json.loads((tmp_path / "run.json").read_text()) == {"old": 1}


def test_json_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_json(tmp_path / "file" / "run.json", {})
