"""A tiny simulated data set, made once for all tests of training."""

import csv
from fractions import Fraction

import numpy as np
import pytest

from wildact.datasets import Dataset, load_dataset
from wildact.decode import VideoWriter
from wildact.labels import ActionLabel, LabelledVideo
from wildact.simulate import SimulationSettings, simulate_dataset
from wildact.types import Track, VideoInfo


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    settings = SimulationSettings(
        videos=4, seed=3, seconds=2, width=160, height=96, sites=1, cameras_per_site=1, blank_share=0,
        fps=Fraction(10),
    )  # fmt: skip
    return simulate_dataset(tmp_path_factory.mktemp("data") / "tiny", settings)


@pytest.fixture(scope="session")
def tiny_dataset(tiny_data):
    return load_dataset(tiny_data)


@pytest.fixture(scope="session")
def told_apart(tmp_path_factory):
    """A data set of one video with two animals, whose brightness says which they are, and when.

    The one at the left walks and then grazes, the one at the right stands and then runs; `done_at` knows it.
    """
    path = tmp_path_factory.mktemp("told") / "videos" / "a.mp4"
    path.parent.mkdir()
    with VideoWriter(path, width=200, height=100, fps=Fraction(10)) as writer:
        for index in range(40):
            image = np.full((100, 200, 3), 20 + 2 * index, np.uint8)
            image[:, 100:] += 120
            writer.write(image)
    tracks = tuple(
        Track(
            track_id, "deer", 1.0, np.arange(40), np.tile(np.array(box, np.float32), (40, 1)),
            np.ones(40, np.float32), (None,) * 40,
        )
        for track_id, box in ((1, [20, 30, 60, 70]), (2, [140, 30, 180, 70]))
    )  # fmt: skip
    actions = (
        ActionLabel(1, "walking", 0, 20), ActionLabel(1, "grazing", 20, 40),
        ActionLabel(2, "vigilant", 0, 15), ActionLabel(2, "running", 15, 40),
    )  # fmt: skip
    info = VideoInfo(path, 200, 100, Fraction(10), 40, Fraction(4), "h264")
    video = LabelledVideo(info, "", "", None, tracks, actions)
    return Dataset(path.parents[1], ("deer",), ("walking", "running", "grazing", "vigilant"), (video,), {})


@pytest.fixture(scope="session")
def done_at():
    """The action of the animal of `told_apart` that is as bright as this, in grey levels."""

    def done_at(brightness):
        if brightness < 120:
            return "walking" if brightness < 20 + 2 * 20 else "grazing"
        return "vigilant" if brightness < 140 + 2 * 15 else "running"

    return done_at


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Twenty-four clips of a bright square before a textured wall that goes to the right, or stays."""
    root = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(24):
        action = ("going", "staying")[number % 2]
        wall = rng.integers(0, 120, (54, 96, 3), np.uint8)
        with VideoWriter(root / f"{number}.mp4", width=96, height=54, fps=Fraction(10)) as writer:
            for index in range(4):
                image = wall.copy()
                x = 30 + (14 * index if action == "going" else 0)
                image[20:40, x : x + 20] = 250
                writer.write(image)
        rows.append((f"{number}.mp4", action, f"day{number // 4}", "train" if number < 12 else "val"))
    with (root / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("video", "action", "recording", "split"), *rows])
    return root
