"""The benchmark of what FGFA is worth, end to end on tiny networks."""

import json
import sys

import pytest


@pytest.fixture
def bench(load_benchmark):
    return load_benchmark("fgfa_accuracy")


def test_it_compares_both_on_the_same_frames_and_draws_the_difference(
    bench, tiny_settings, tiny_video_detector, tiny_data, tmp_path, monkeypatch, capsys
):
    out, plot = tmp_path / "out.json", tmp_path / "plot.png"
    command = [
        "fgfa_accuracy.py", tiny_settings.detector, tiny_video_detector, "--data", str(tiny_data),
        "--radius", "2", "--fps", "all", "--ways", "default", "every frame",
        "--out", str(out), "--plot", str(plot),
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", command)
    bench.main()
    assert capsys.readouterr().out.startswith("3 videos; ")
    compared = json.loads(out.read_text())
    assert list(compared) == ["default", "every frame"]
    value, low, high = compared["default"]["all"]["box_ap50"]
    assert low <= value <= high
    assert plot.stat().st_size > 1000
