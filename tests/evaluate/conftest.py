"""Videos of 40 frames at 10 per second in which everything is known, and what a chain might make of them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.datasets import mask_truth_at, truth_at
from wildact.evaluate.figures import VideoCounts, score_group
from wildact.evaluate.run import Evaluation
from wildact.evaluate.video import ScoredFrames, count_chain, speeds_at
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask
from wildact.metrics import classify_speeds, compute_motion_iou
from wildact.types import Bout, Track, VideoInfo, VideoResult

SPECIES = ("deer", "fox")
ACTIONS = ("walking", "resting")


def make_track(track_id, label, x, *, height=40, masks=True, crowd=False):
    """An animal 30 pixels wide that moves a pixel a frame."""
    frames = np.arange(40)
    still = np.zeros(40)
    boxes = np.stack([x + frames, still + 20, x + frames + 30, still + 20 + height], axis=1).astype(
        np.float32
    )
    bitmap = np.zeros((100, 200), bool)
    bitmap[20 : 20 + height, x : x + 30] = True
    of_frames = (encode_mask(bitmap) if masks else None,) * 40
    return Track(track_id, label, 1.0, frames, boxes, np.ones(40, np.float32), of_frames, crowd=crowd)


def label_video(tracks, light="day"):
    """Each animal walks for two seconds, then rests for two."""
    info = VideoInfo(Path("a.mp4"), 200, 100, Fraction(10), 40, Fraction(4), "h264")
    labels = [
        label
        for track in tracks
        for label in (
            ActionLabel(track.track_id, "walking", 0, 20),
            ActionLabel(track.track_id, "resting", 20, 40),
        )
    ]
    return LabelledVideo(info, "s", "c", light, tuple(tracks), tuple(labels))


def count_video(tracks, predicted, bouts, *, light="day"):
    """Detections are the predicted tracks, on one frame."""
    video = label_video(tracks, light)
    result = VideoResult(
        video.info, "day", np.arange(40), Fraction(1, 10), tuple(predicted), (), tuple(bouts)
    )
    truth, crowds = truth_at(tracks, 0, SPECIES)
    found, _ = truth_at(predicted, 0, SPECIES)
    speeds = [classify_speeds(compute_motion_iou(track, video.info.fps)) for track in tracks]
    masked = [mask_truth_at(tracks, 0, SPECIES, (200, 100))]
    frames = ScoredFrames([truth], [crowds], [speeds_at(tracks, speeds, 0)], [found], masked)
    chain = count_chain(video, frames, result, species=SPECIES, actions=ACTIONS, min_height_px=24)
    return VideoCounts(light, chain, None)


@pytest.fixture(scope="session")
def track():
    """``track(1, "deer", x=10, height=40, masks=True, crowd=False)``: see `make_track`."""
    return make_track


@pytest.fixture(scope="session")
def label():
    """``label([track, ...], light="day")``: see `label_video`."""
    return label_video


@pytest.fixture(scope="session")
def count():
    """``count(tracks, predicted, bouts, light="day")``: what `count_chain` counts of a video."""
    return count_video


@pytest.fixture(scope="session")
def right_bouts():
    """``right_bouts(1)``: what the animal of that number truly does."""
    return lambda number: [Bout(number, "walking", 0, 2, 0.9), Bout(number, "resting", 2, 4, 0.9)]


@pytest.fixture
def score():
    """``score([counts, ...], resamples=0)``: name to value over these videos."""

    def values(videos, resamples=0):
        return {name: f.value for name, f in figures(videos, resamples).figures.items()}

    def figures(videos, resamples):
        return score_group(videos, SPECIES, ACTIONS, resamples=resamples, seed=0)

    return values


@pytest.fixture(scope="session")
def evaluation():
    """``evaluation([counts, ...], species=..., actions=..., notes=())``: all of them as one group."""

    def make(videos, *, species=SPECIES, actions=ACTIONS, notes=(), resamples=50):
        groups = {"all": score_group(videos, species, actions, resamples=resamples, seed=0)}
        return Evaluation(
            groups, species, actions, 24.0, notes, {f"{k}.mp4": one for k, one in enumerate(videos)}
        )

    return make
