"""Small results made by hand, for all export tests."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.masks import encode_mask
from wildact.types import ActionScores, Bout, Rle, Track, VideoInfo, VideoResult


def ellipse(box: np.ndarray, width: int, height: int) -> Rle:
    x1, y1, x2, y2 = box
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((x - (x1 + x2) / 2) / (x2 - x1) * 2) ** 2 + ((y - (y1 + y2) / 2) / (y2 - y1) * 2) ** 2 < 1
    return encode_mask(inside)


def make_track(
    track_id: int = 1,
    label: str = "red deer",
    *,
    first: int = 0,
    boxes: np.ndarray,
    gaps: tuple[int, ...] = (),
    size: tuple[int, int] = (320, 180),
    masks: bool = True,
) -> Track:
    scores = np.linspace(0.6, 0.9, len(boxes)).astype(np.float32)
    scores[list(gaps)] = np.nan
    return Track(
        track_id=track_id,
        label=label,
        label_score=0.875,
        frames=np.arange(first, first + len(boxes), dtype=np.int64),
        boxes=boxes.astype(np.float32),
        scores=scores,
        masks=tuple(ellipse(box, *size) if masks and i not in gaps else None for i, box in enumerate(boxes)),
    )


def make_result(
    tracks: tuple[Track, ...] = (),
    bouts: tuple[Bout, ...] = (),
    *,
    frames: int = 50,
    fps: Fraction = Fraction(25),
    size: tuple[int, int] = (320, 180),
    **more: object,
) -> VideoResult:
    """A video of constant frame rate."""
    return VideoResult(
        info=VideoInfo(Path("north/cam 1.mp4"), *size, fps, frames, Fraction(frames) / fps, "h264"),
        light="day",
        pts=np.arange(frames, dtype=np.int64),
        time_base=1 / fps,
        tracks=tracks,
        bouts=bouts,
        **more,  # type: ignore[arg-type]  # whatever else the test sets
    )


@pytest.fixture(scope="session")
def result() -> VideoResult:
    """Two animals in a video of 50 frames at 25 fps; the first has two interpolated boxes."""
    step = np.arange(40)[:, None]
    deer = make_track(
        1, "red deer", boxes=np.array([[40, 60, 120, 140]]) + step * [2, 0, 2, 0], gaps=(10, 11)
    )
    boar = make_track(2, "wild boar", first=20, boxes=np.tile([[200.0, 100, 260, 150]], (30, 1)), masks=False)
    return make_result(
        (deer, boar),
        (
            Bout(1, "walking", 0.0, 1.2, 0.9),
            Bout(1, "foraging", 1.2, 1.6, 0.7),
            Bout(2, "foraging", 0.8, 2.0, 0.8),
        ),
        actions=(
            ActionScores(
                1,
                ("walking", "foraging"),
                np.array([0.0, 0.8]),
                np.array([0.8, 1.6]),
                np.array([[0.9, 0.1], [0.3, 0.7]], np.float32),
            ),
        ),
        warnings=("The file ends in the middle of a frame.",),
        detected=np.arange(0, 50, 2, dtype=np.int64),
        timings_s={"decode": 0.5, "detect": 2.25},
        models={"lite0": {"sha256": "ab" * 32, "licence": "Apache-2.0", "training data": "simulated"}},
    )


@pytest.fixture(scope="session")
def make() -> tuple[Callable[..., Track], Callable[..., VideoResult]]:
    """The two functions above; tests/ has no packages to import them from."""
    return make_track, make_result
