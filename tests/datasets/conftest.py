"""Small labelled data sets."""

from fractions import Fraction

import numpy as np
import pytest

from wildact.datasets import load_dataset
from wildact.export.youtube_vis import save_data_set
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask
from wildact.types import Track, VideoInfo

SIZE = (48, 32)  # width, height
FRAMES = 12
FPS = Fraction(6)


def build_track(track_id, species, frames=range(FRAMES)):
    frames = np.array(frames, np.int64)
    mask = np.zeros(SIZE[::-1], bool)
    mask[8:24, 10:30] = True
    return Track(
        track_id=track_id,
        label=species,
        label_score=1.0,
        frames=frames,
        boxes=np.tile(np.array([10, 8, 30, 24], np.float32), (len(frames), 1)),
        scores=np.ones(len(frames), np.float32),
        masks=(encode_mask(mask),) * len(frames),
    )


def build_video(folder, name, site, camera, animals, light="day"):
    """``animals``: for each a species and its (action, start_frame, end_frame)."""
    return LabelledVideo(
        info=VideoInfo(folder / name, *SIZE, FPS, FRAMES, FRAMES / FPS, "h264"),
        site=site,
        camera=camera,
        light=light,
        tracks=tuple(build_track(k, species) for k, (species, *_) in enumerate(animals, start=1)),
        actions=tuple(
            ActionLabel(k, *label) for k, (_, *labels) in enumerate(animals, start=1) for label in labels
        ),
        recorded="2024-05-31T21:04:00",
    )


@pytest.fixture
def make_set(film):
    """``make_set(folder, [(name, site, camera, animals), ...])``: the data set, with videos if ``films``."""

    def make(folder, rows, *, films=False, species=("fox", "deer"), actions=("walking", "resting")):
        videos = [build_video(folder, *row) for row in rows]
        save_data_set(folder, videos, categories=species, actions=actions, info={"description": "test"})
        for row in rows if films else ():
            film(folder / row[0], seconds=FRAMES / 6, fps=6, size=SIZE)
        return load_dataset(folder)

    return make


FOX = ("fox", ("walking", 0, 6), ("resting", 6, 12))
DEER = ("deer", ("resting", 0, 12))


@pytest.fixture
def good(make_set, tmp_path):
    """Two sites with a fox and a deer each, with their videos."""
    rows = [("a/1.mp4", "A", "A1", [FOX, DEER]), ("b/22.mp4", "B", "B1", [FOX, DEER])]
    return make_set(tmp_path / "good", rows, films=True)
