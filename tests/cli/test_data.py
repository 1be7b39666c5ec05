"""``wildact data`` as a user meets it, on what ``wildact simulate`` makes."""

import json
import shutil
import sys
from fractions import Fraction

import pytest

from wildact.cli.data import parse_shares
from wildact.cli.main import main
from wildact.errors import UsageError
from wildact.simulate import SimulationSettings, simulate_dataset


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    settings = SimulationSettings(
        videos=6,
        seconds=0.7,
        width=96,
        height=64,
        sites=3,
        cameras_per_site=1,
        fps=Fraction(6),
        blank_share=0.0,
    )
    return simulate_dataset(tmp_path_factory.mktemp("data") / "set", settings)


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["wildact", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return end.value.code or 0, out, err

    return run


def test_check_ends_with_0_unless_there_is_an_error(call, simulated, tmp_path):
    code, out, _ = call("check", simulated, "--decode", "--max-ratio", 1)
    assert code == 0
    assert "0 errors" in out
    assert "warning: classes out of balance" in out

    shutil.copytree(simulated, broken := tmp_path / "[red]broken[/red]")
    data = json.loads((broken / "annotations.json").read_text())
    for entry in data["annotations"]:
        entry["category_id"] = 99
    (broken / "annotations.json").write_text(json.dumps(data))
    code, out, _ = call("check", broken)
    assert code == 1
    assert "error: refers to what is not there" in out
    assert "[red]broken[/red]" in out
    assert "To do: mend the reference, or add what it refers to." in out
    assert "more; --all shows them" in out
    assert len(call("check", broken, "--all")[1].splitlines()) > len(out.splitlines())

    code, out, _ = call("check", simulated, broken)
    assert code == 1
    assert "error: video in two data sets (6)" in out
    assert "warning: site in two data sets (3)" in out
    code, _, err = call("check", simulated, simulated)
    assert (code, "named twice" in err) == (1, True)


def test_split_then_check_and_stats(call, simulated, tmp_path):
    out_folder = tmp_path / "parts"
    code, out, err = call("split", simulated, "--out", out_folder, "--seed", 3)
    assert code == 0, err
    assert "3 data sets in" in out
    assert sorted(path.name for path in out_folder.iterdir()) == ["test", "train", "val"]
    code, out, _ = call("check", *out_folder.iterdir(), "--all")
    assert code == 0
    assert "in two data sets" not in out
    code, _, err = call("split", simulated, "--out", out_folder)
    assert (code, "is not empty" in err) == (1, True)
    code, _, err = call("split", simulated, "--out", tmp_path / "x", "--by", "moon")
    assert (code, "not by 'moon'" in err) == (1, True)

    code, out, _ = call("stats", out_folder / "train", "--out", tmp_path / "stats")
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines()[:-1])
    for title in ("Species", "Actions", "What follows", "Sites and cameras", "European hare", "walking"):
        assert title in out
    assert {path.suffix for path in (tmp_path / "stats").iterdir()} == {".csv", ".png"}


def test_split_tells_of_videos_that_are_the_same(call, simulated, tmp_path):
    same = shutil.copytree(simulated, tmp_path / "same")
    one, other, *_ = sorted(path for path in (same / "videos").rglob("*") if path.is_file())
    other.write_bytes(one.read_bytes())
    code, _, err = call("split", same, "--out", tmp_path / "parts", "--seed", 3)
    assert (code, "1 videos are the same file" in err) == (0, True)


def test_tables_that_are_too_wide_become_lists(call, simulated, tmp_path):
    shutil.copytree(simulated, wide := tmp_path / "wide")
    data = json.loads((wide / "annotations.json").read_text())
    data["actions"] += [{"id": 10 + k, "name": f"very unusual action {k}"} for k in range(12)]
    (wide / "annotations.json").write_text(json.dumps(data))
    code, out, _ = call("stats", wide)
    assert code == 0
    assert "18 very unusual action 11" in out  # its number stands above a column
    assert "- wild boar: " in out


@pytest.mark.parametrize(
    ("shares", "names", "expected"),
    [
        ("0.8/0.2", None, {"train": 0.8, "test": 0.2}),
        ("8/1/1", None, {"train": 8, "val": 1, "test": 1}),
        ("1/1/1/1", "a/b/c/d", {"a": 1, "b": 1, "c": 1, "d": 1}),
        ("0.8,0.2", None, "takes numbers such as"),
        ("1/-1", None, "takes numbers such as"),
        ("1/1/1/1", None, "4 parts need names"),
        ("1/1", "a/a", "2 different names"),
        ("1/1", "a", "2 different names"),
    ],
)
def test_shares_and_names(shares, names, expected):
    if isinstance(expected, dict):
        assert parse_shares(shares, names) == expected
    else:
        with pytest.raises(UsageError, match=expected):
            parse_shares(shares, names)
