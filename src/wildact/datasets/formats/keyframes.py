"""Boxes between keyframes, and the keyframes from which boxes come back."""

from __future__ import annotations

import numpy as np

from wildact.types import Bool, Float64, Int64


def interpolate(frames: Int64, known_frames: Int64, known: Float64) -> Float64:
    """(T, C) values at ``frames``, linear between the (K, C) at ``known_frames``, which are increasing."""
    columns = [np.interp(frames, known_frames, known[:, k]) for k in range(known.shape[1])]
    return np.stack(columns, axis=1)


def find_keyframes(frames: Int64, boxes: Float64, *, tolerance: float, relative: bool = False) -> Bool:
    """The frames from which all boxes come back by linear interpolation: few, and the first and the last.

    Args:
        frames: (T,) increasing.
        boxes: (T, C).
        tolerance: largest difference of a value that comes back.
        relative: the tolerance is a share of the value.

    Returns:
        (T,) True at keyframes.

    Reference: Douglas & Peucker 1973, with the distance along the value, not across the line.
    """
    keys = np.zeros(len(frames), bool)
    keys[[0, -1]] = True
    open_spans = [(0, len(frames) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        ends, inner = [first, last], slice(first + 1, last)
        wrong = np.abs(interpolate(frames[inner], frames[ends], boxes[ends]) - boxes[inner])
        allowed = tolerance * np.abs(boxes[inner]) if relative else tolerance
        excess = (wrong - allowed).max(axis=1)
        worst = int(np.argmax(excess))
        if excess[worst] > 0:
            middle = first + 1 + worst
            keys[middle] = True
            open_spans += [(first, middle), (middle, last)]
    return keys
