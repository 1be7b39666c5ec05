"""Steady the boxes of a track: those of an animal that is half hidden jump from frame to frame.

Reference: Cleveland 1979, Robust Locally Weighted Regression and Smoothing Scatterplots (without its second,
robust part).
"""

from __future__ import annotations

import numpy as np

from wildact.types import Float32, Float64

REACH = 3
"""Boxes further away, in widths of the bell, count for nothing."""

LEAST_WEIGHT = 1e-6
"""Of a box that is worth nothing: where there is no other, it still stands."""

LEAST_SPREAD_S2 = 1e-12
"""Times that spread less than this, seconds squared, tell no slope."""


def steady_boxes(times_s: Float64, boxes: Float32, weights: Float32, sigma_s: float) -> Float32:
    """Put each border of each box onto a straight line through those of the moments around.

    A line, and not a mean: the first and last boxes of an animal that runs would lag behind it.

    Args:
        times_s: (T,) strictly increasing, T >= 1.
        boxes: (T, 4) float32 xyxy pixels.
        weights: (T,) >= 0, how much each box is worth, as its score.
        sigma_s: width of the bell by which boxes count less the further away they are; boxes that are far
            apart by this measure stay as they are.

    Returns:
        (T, 4) float32, none beyond the outermost of the given borders, nor turned inside out.
    """
    first, last = np.searchsorted(times_s, [times_s - REACH * sigma_s, times_s + REACH * sigma_s])
    width = int((last - first).max())
    near = first[:, None] + np.arange(width)  # (T, K): which boxes count for each
    inside = near < last[:, None]
    near = np.minimum(near, len(times_s) - 1)
    away_s = times_s[near] - times_s[:, None]
    share = np.exp(-0.5 * (away_s / sigma_s) ** 2) * np.maximum(weights, LEAST_WEIGHT)[near] * inside
    share /= share.sum(axis=1, keepdims=True)
    middle_s = (share * away_s).sum(axis=1, keepdims=True)
    spread = (share * (away_s - middle_s) ** 2).sum(axis=1, keepdims=True)
    # of the line's value at 0, each box has this part
    share *= 1 - middle_s * (away_s - middle_s) / np.maximum(spread, LEAST_SPREAD_S2)
    smooth = np.clip((share[:, :, None] * boxes[near]).sum(axis=1), boxes.min(axis=0), boxes.max(axis=0))
    sound = (smooth[:, 2:] > smooth[:, :2]).all(axis=1, keepdims=True)
    return np.where(sound, smooth, boxes).astype(np.float32)
