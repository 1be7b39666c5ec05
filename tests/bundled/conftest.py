"""Simulated clips, one per light, and what the bundled networks find on them."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest

import wildact
from wildact.datasets import load_dataset, map_classes
from wildact.simulate import SimulationSettings, simulate_dataset

GOLDEN = Path(__file__).parent / "golden.json"
SEED = 4242
LIGHTS = ("day", "dusk", "ir")


def simulate_clips(folder):
    """Write one clip of two seconds per light; return light -> its labelled video, in the class animal."""
    videos = {}
    for light in LIGHTS:
        settings = SimulationSettings(
            videos=1, seed=SEED, seconds=2, sites=1, cameras_per_site=1, lights=(light,), blank_share=0,
            max_animals=2, fps=Fraction(8),
        )  # fmt: skip
        dataset = load_dataset(simulate_dataset(folder / light, settings))
        (videos[light],) = map_classes(dataset, ("animal",), {"*": "animal"}).videos
    return videos


def describe_result(result):
    """Return what the golden file holds of an analysis: names, boxes in the middle of tracks, actions."""
    scores = {one.track_id: one.scores.mean(axis=0) for one in result.actions}
    classes = result.models["recognizer"]["classes"]
    tracks = []
    for track in result.tracks:
        middle = len(track) // 2
        tracks.append(
            {
                "label": track.label,
                "frame": int(track.frames[middle]),
                "frames": len(track),
                "box": [round(float(side), 1) for side in track.boxes[middle]],
                "likeliest": classes[int(scores[track.track_id].argmax())],
                "probability": round(float(scores[track.track_id].max()), 2),
                "actions": [bout.action for bout in result.bouts if bout.track_id == track.track_id],
            }
        )
    return {"light": result.light, "tracks": tracks}


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Light -> labelled video."""
    return simulate_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def describe():
    return describe_result


@pytest.fixture(scope="session")
def analysed(clips):
    """Light -> what the bundled networks find, see `describe_result`."""
    return {light: describe_result(wildact.analyze(video.info.path)) for light, video in clips.items()}


@pytest.fixture(scope="session")
def golden(analysed):
    """Light -> what they found when the file was written.

    After the bundled weights have changed: ``WRITE_GOLDEN=1 pytest tests/bundled``, and look at what changed.
    """
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(analysed, indent=1) + "\n", encoding="utf-8")
    return json.loads(GOLDEN.read_text(encoding="utf-8"))
