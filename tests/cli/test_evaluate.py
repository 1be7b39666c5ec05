"""``wildact evaluate`` as a user meets it."""

import json
import sys

import pytest
from PIL import Image

from wildact.cli.main import main
from wildact.evaluate import load_matches


@pytest.fixture
def call(monkeypatch, capsys, tiny_data, tmp_path):
    """``call("...")``: exit code, stdout and stderr of ``wildact evaluate --data ... ``."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, data=tiny_data):
        wanted = ["--data", str(data), "--min-height", "0", "--every", "2", "--resamples", "20"]
        monkeypatch.setattr(sys, "argv", ["wildact", "evaluate", *wanted, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return end.value.code or 0, out, " ".join(err.split())

    return run


def test_a_recognizer_is_scored_in_the_chain_and_alone(call, tiny_settings, tmp_path):
    folder = tmp_path / "out"
    code, out, err = call(
        tiny_settings.recognizer, "--detector", tiny_settings.detector, "--min-score", "0.3", "--views", 2,
        "--crops", 3, "--out", folder, "--no-mirrored", "--window", 4,
    )  # fmt: skip
    assert code == 0, err
    assert "evaluation.html" in out
    for title in ("videos", "box AP50", "HOTA", "action top-1 of all", "video-mAP50", "bout top-1", "95 %"):
        assert title in out
    saved = json.loads((folder / "scores.json").read_text())
    assert saved["scores"]["all"]["videos"] == 2
    assert saved["scores"]["all"]["bouts"] > 0
    assert saved["settings"] | {"views": 2, "crops": 3, "every": 2, "resamples": 20} == saved["settings"]
    assert saved["settings"] | {"mirrored": False, "window": 4} == saved["settings"]
    assert set(saved["models"]) == {"detector", "recognizer"}
    assert saved["models"]["detector"]["file"] == "detector.safetensors"
    assert load_matches(folder).videos[0].startswith("videos/")


def test_still_images_of_several_sets(call, tiny_settings, tmp_path):
    for name, splits in (("one", ("train", "val", "test")), ("two", ("train", "val", "val"))):
        (tmp_path / name).mkdir()
        images = []
        for k, split in enumerate(splits):
            Image.new("RGB", (64, 48), (90, 120, 30 * k)).save(tmp_path / name / f"{k}.png")
            images.append({"id": k, "file_name": f"{k}.png", "width": 64, "height": 48, "split": split})
        boxes = [{"id": k, "image_id": k, "category_id": 1, "bbox": [9, 9, 30, 30]} for k in range(3)]
        document = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "red deer"}]}
        (tmp_path / name / "annotations.json").write_text(json.dumps(document))
    detector = ("--detector", tiny_settings.detector, "--every", "1", "--data", tmp_path / "two")
    code, out, err = call(*detector, "--out", "scores.json", data=tmp_path / "one")
    assert code == 0, err
    assert "one: split test." in " ".join(out.split())
    assert "two: split val." in " ".join(out.split())
    assert "HOTA" not in out
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert saved["scores"]["all"]["videos"] == 3
    assert saved["data"]["folder"] == "one + two"
    code, _, err = call(*detector, "--split", "test", data=tmp_path / "one")
    assert code == 1
    assert "two has no split 'test'; it has train, val" in err


def test_a_recognizer_alone_needs_no_detector_that_knows_the_animals(call, tiny_settings, tmp_path):
    code, out, err = call(tiny_settings.recognizer, "--annotated-only", "--out", "scores.json")
    assert code == 0, err
    assert "bout mean class" in out
    assert "HOTA" not in out
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert set(saved["models"]) == {"recognizer"}
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_what_cannot_be_is_said_in_one_sentence(call, tiny_settings, tmp_path):
    (tmp_path / "file").touch()
    detector, recognizer = tiny_settings.detector, tiny_settings.recognizer
    for arguments, said in (
        ([detector, "--detector", "x"], "is a detector, and --detector names another one"),
        ([recognizer, "--recognizer", "x"], "is a recognizer, and --recognizer names another one"),
        ([detector, "--views", 3], "--views and --crops are of an action network"),
        ([recognizer, "--crops", 2], "crops must be 1 (centre) or 3"),
        (["nosuch"], "there are no weights called 'nosuch'; known weights:"),
        (["no/such.safetensors"], "there is no such weights file"),
        ([detector, "--out", "file"], "file cannot be made"),
        ([detector, "--fps", "fast"], "--fps takes a number"),
    ):
        code, _, err = call(*arguments)
        assert code == 1
        assert said in err
    code, _, err = call(data="nowhere")
    assert (code, "does not exist" in err) == (1, True)
