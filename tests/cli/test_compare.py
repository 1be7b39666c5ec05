"""``wildact compare`` as a user meets it."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from wildact.cli.main import main
from wildact.evaluate.matches import LEVELS, DatasetMatches, save_matches
from wildact.metrics import Matches


def matches(found):
    """Six videos with one deer each: found as early as false alarms or not."""
    shape = (len(LEVELS), 1)
    boxes = tuple(
        Matches(
            np.ones(1), np.zeros(1, np.int64), np.full(shape, hit), np.full(shape, not hit), np.full(shape, 1)
        )
        for hit in found
    )
    names = tuple(f"videos/{k}.mp4" for k in range(len(boxes)))
    return DatasetMatches(("deer",), names, ("ir",) * len(boxes), ("",) * len(boxes), boxes, None, 24)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """``call("...")``: exit code, stdout and stderr of ``wildact compare ...`` beside two evaluations."""
    monkeypatch.chdir(tmp_path)
    save_matches(tmp_path / "good" / "matches.npz", matches([True] * 6))
    save_matches(tmp_path / "bad" / "matches.npz", matches([False, True] * 3))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["wildact", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return end.value.code or 0, out, " ".join(err.split())

    return run


def test_two_evaluations(call, tmp_path):
    code, out, err = call("good", "bad", "--resamples", 200, "--out", "difference.json")
    assert code == 0, err
    assert "box AP50" in out
    assert "infrared" in out
    assert "fast" in out
    saved = json.loads((tmp_path / "difference.json").read_text())
    one = saved["groups"]["ir"]["box_ap50_by_speed/fast"]
    assert one["first"] == pytest.approx(1)
    assert one["difference"] == pytest.approx(one["first"] - one["second"])
    assert 0 < one["interval"][0] < one["difference"] < one["interval"][1]
    assert (saved["first"], saved["second"], saved["resamples"]) == ("good", "bad", 200)


def test_what_cannot_be_compared_is_said_in_one_sentence(call, tmp_path):
    code, _, err = call("good", "nowhere")
    assert (code, "nowhere does not exist" in err) == (1, True)
    fewer = matches([True] * 5)
    save_matches(tmp_path / "fewer" / "matches.npz", replace(fewer, species=("boar",)))
    code, _, err = call("good", "fewer")
    assert (code, "not of the same videos" in err) == (1, True)
