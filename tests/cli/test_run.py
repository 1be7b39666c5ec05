"""``wildact run`` as a user meets it."""

import csv
import json
import sys
from fractions import Fraction

import pytest
import torch

from wildact.cli.main import main
from wildact.cli.run import choose_device, parse_fps
from wildact.errors import UsageError


@pytest.fixture
def call(monkeypatch, capsys, tiny_settings):
    """``call("run", ...)``: exit code, stdout and stderr of the command, with tiny networks."""

    def run(*arguments):
        models = ["--detector", tiny_settings.detector, "--recognizer", tiny_settings.recognizer]
        monkeypatch.setattr(sys, "argv", ["wildact", "run", *models, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return end.value.code or 0, out, err

    return run


def statuses(out):
    with (out / "videos.csv").open(encoding="utf-8", newline="") as file:
        return {row["video"]: row["status"] for row in csv.DictReader(file)}


def test_files_folders_and_globs_end_with_0_and_with_3_where_some_failed(call, film, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-clip.mp4", "cards/[red]x[/red] ä.mp4", "globs/one.mp4"):
        film(tmp_path / name, seconds=0.3)
    (tmp_path / "globs/notes.txt").touch()
    inputs = ["./-clip.mp4", "cards", "globs/*", "--out", "o u t"]

    code, out, err = call(*inputs)
    assert code == 0, err
    table = statuses(tmp_path / "o u t")
    assert set(table) == {"./-clip.mp4", "[red]x[/red] ä.mp4", "one.mp4"}
    assert "failed" not in table.values()
    assert "[red]x[/red] ä.mp4" in out
    assert "3 videos:" in out
    assert "0 failed" in out
    assert "report.html" in out

    (tmp_path / "cards/broken.mp4").touch()
    code, out, err = call(*inputs)
    assert code == 3
    assert "failed: " in err
    assert "1 failed" in out
    assert statuses(tmp_path / "o u t") == table | {"broken.mp4": "failed"}

    code, out, err = call(*inputs, "--fps", "5")
    assert code == 1
    assert "other settings" in err
    assert statuses(tmp_path / "o u t") == table | {"broken.mp4": "failed"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--detector", "nosuch"], "no weights called 'nosuch'"),
        (["--detector", "maskrcnn_resnet50_fpn"], "wildact models download maskrcnn_resnet50_fpn"),
        (["--recognizer", "./nothing.safetensors"], "no such weights file"),
        (["--recognizer", "DETECTOR"], "where a recognizer is wanted"),
        (["--workers", "0"], "--workers"),
        (["--out", "clip.mp4"], "clip.mp4 cannot be written"),
        (["--out", "/proc/nothing"], "/proc/nothing cannot be written"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    call, film, tiny_settings, tmp_path, monkeypatch, arguments, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    film(tmp_path / "clip.mp4", seconds=0.2)
    arguments = [tiny_settings.detector if a == "DETECTOR" else a for a in arguments]
    out = [] if "--out" in arguments else ["--out", "out"]
    code, _, err = call("clip.mp4", *out, *arguments)
    assert code == 1
    assert said in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("10", Fraction(10)),
        ("29.97", Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        ("all", None),
    ],
)
def test_frame_rates_are_exact(text, fps):
    assert parse_fps(text) == fps


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "-1",
        "1/0",
        "nan",
        "inf",
        "1e3",
        "1_0",
        "9999999",
        "10 fps",
        "٣",
    ],
)
def test_what_is_no_frame_rate_is_refused(text):
    with pytest.raises(UsageError, match="--fps takes a number"):
        parse_fps(text)


def test_devices():
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("nonsense", "cuda:99", ""):
        with pytest.raises(UsageError, match="cannot be used here"):
            choose_device(name)


def test_a_detector_of_video_with_its_window(call, film, tmp_path, tiny_video_detector):
    film(tmp_path / "clip.mp4", seconds=0.8)
    options = ["--no-video", "--detector", tiny_video_detector, "--window", "3"]
    code, _, err = call(tmp_path / "clip.mp4", "--out", tmp_path / "out", *options)
    assert code == 0, err
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert run["settings"]["window"]["radius"] == 3
    assert statuses(tmp_path / "out") == {"clip.mp4": "ok"}
