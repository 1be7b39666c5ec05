"""How fast an animal moves through the picture, measured against its own size: motion IoU.

The motion IoU of a box is its mean overlap with the boxes of the same animal shortly before and after: 1 for
one that stands still, 0 for one that is elsewhere by then.

Reference: Zhu et al. 2017, Flow-Guided Feature Aggregation for Video Object Detection, section 5: the 10
frames before and after, of videos with 25 to 30 frames per second. Wildlife cameras record from 10 to 30, so
here the neighbourhood is a stretch of time, as long as 10 frames at 30 per second.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from wildact.boxes import paired_iou
from wildact.types import Float64, Int64, Track

SPEEDS = ("slow", "medium", "fast")
NEIGHBOURHOOD_S = Fraction(1, 3)
"""Boxes up to so many seconds before and after are compared."""
SLOW, FAST = 0.9, 0.7
"""Motion IoU above which an animal is slow, and below which it is fast; these and all between are medium."""


def compute_motion_iou(track: Track, fps: Fraction) -> Float64:
    """Mean IoU of each box with the track's own boxes within `NEIGHBOURHOOD_S`, itself not counted.

    Frames on which the animal is hidden are not compared. The neighbourhood is rounded to whole frames: 10
    at 30 per second, 8 at 25, 3 at 10.

    Args:
        track: an animal.
        fps: frames per second of the video that the track's frames count.

    Returns:
        (T,) in [0, 1]; nan where the neighbourhood holds no other box.
    """
    overlap, compared = np.zeros(len(track)), np.zeros(len(track))
    for step in range(1, round(fps * NEIGHBOURHOOD_S) + 1):
        _, now, later = np.intersect1d(
            track.frames, track.frames - step, assume_unique=True, return_indices=True
        )
        iou = paired_iou(track.boxes[now], track.boxes[later])
        for place in (now, later):
            overlap[place] += iou
            compared[place] += 1
    motion_iou = np.full(len(track), np.nan)
    np.divide(overlap, compared, out=motion_iou, where=compared > 0)
    return motion_iou


def classify_speeds(motion_iou: Float64) -> Int64:
    """The index in `SPEEDS` of each motion IoU; -1 where that is nan."""
    speeds = np.where(motion_iou > SLOW, 0, np.where(motion_iou < FAST, 2, 1))
    return np.where(np.isnan(motion_iou), -1, speeds).astype(np.int64)
