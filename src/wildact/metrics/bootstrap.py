"""Confidence intervals by resampling whole videos.

Frames of one video are nearly the same picture, and seconds of one animal nearly the same behaviour: only
videos can pass for independent. So videos are drawn anew, with replacement, and every figure is computed from
all that was drawn, not averaged over videos.

Reference: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from __future__ import annotations

import numpy as np

from wildact.types import Float64, Int64

CONFIDENCE = 0.95
MAX_UNKNOWN = 0.2
"""Share of resamples with nothing to score above which there is no interval: the figure rests on one video.

A resample misses one video of two with probability 0.25, one of many with 0.37; two of many with 0.14.
"""


def draw_resamples(videos: int, resamples: int, seed: int) -> Int64:
    """How often each video counts in the data set itself, and in each resample.

    Args:
        videos: V, how many there are.
        resamples: how many to draw; each draws V videos with replacement.
        seed: the same seed and counts give the same resamples.

    Returns:
        (1 + resamples, V) int64; the first row is the data set itself: all ones.
    """
    drawn = np.random.default_rng(seed).multinomial(videos, np.full(videos, 1 / videos), size=resamples)
    return np.concatenate([np.ones((1, videos), np.int64), drawn.astype(np.int64)])


def percentile_interval(values: Float64, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The middle ``confidence`` of a figure's values over resamples.

    Args:
        values: (R,); those that are nan, where a resample held nothing to score, are left out.
        confidence: between 0 and 1.

    Returns:
        Low and high end; nan, nan where more than `MAX_UNKNOWN` of the values are nan.
    """
    known = values[~np.isnan(values)]
    if len(known) == 0 or len(known) < (1 - MAX_UNKNOWN) * len(values):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
