"""A made-up video with two animals, for the exports."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.masks import encode_mask
from wildact.types import ActionScores, Bout, Track, VideoInfo, VideoResult

WIDTH, HEIGHT, FRAMES = 160, 120, 20


def make_track(track_id, label, x, *, first=0, length=FRAMES, every=1, masks=True):
    """An animal that moves 2 pixels a frame, seen on every ``every``-th frame."""
    frames = np.arange(first, first + length)
    left = x + 2.0 * np.arange(length)
    boxes = np.stack([left, np.full(length, 40.0), left + 30, np.full(length, 80.0)], axis=1).astype(
        np.float32
    )
    seen = np.arange(length) % every == 0
    seen[-1] = True
    scores = np.where(seen, 0.9, np.nan).astype(np.float32)
    rles = []
    for k in range(length):
        bitmap = np.zeros((HEIGHT, WIDTH), bool)
        bitmap[45:75, int(left[k]) + 5 : int(left[k]) + 25] = True
        rles.append(encode_mask(bitmap) if seen[k] and masks else None)
    return Track(track_id, label, 0.9, frames, boxes, scores, tuple(rles))


def make_result(tracks, *, path="site/clip.mp4", light="day", bouts=()):
    info = VideoInfo(Path(path), WIDTH, HEIGHT, Fraction(10), FRAMES, Fraction(2), "h264")
    actions = tuple(
        ActionScores(
            t.track_id,
            ("walking", "resting"),
            np.array([0.0]),
            np.array([2.0]),
            np.array([[0.8, 0.2]], np.float32),
        )
        for t in tracks
    )
    return VideoResult(
        info, light, np.arange(FRAMES), Fraction(1, 10), tuple(tracks), actions, tuple(bouts),
        warnings=("header states 21 frames, 20 could be decoded",), detected=np.arange(0, FRAMES),
        timings_s={"detect": 1.5}, models={"detector": {"name": "x", "sha256": "0" * 64}},
    )  # fmt: skip


@pytest.fixture
def result():
    tracks = [make_track(1, "red deer", 10), make_track(2, "Wildkatze ♀", 60, first=4, length=12, every=3)]
    bouts = [
        Bout(1, "walking", 0, 1.2, 0.8),
        Bout(1, "resting", 1.2, 2.0, 0.7),
        Bout(2, "walking", 0.4, 1.6, 0.6),
    ]
    return make_result(tracks, bouts=bouts)


@pytest.fixture
def blank():
    return make_result([], light="ir")
