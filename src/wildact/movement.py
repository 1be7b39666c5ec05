"""Moving or still: told from an animal's boxes alone, without a network for actions.

Speed is measured in the animal's own size, so that near and far animals are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wildact.types import Bool, Float64, Track

WINDOW_S = 1.0
"""Speed is the way of the box's centre within so many seconds: detected boxes tremble from frame to frame."""

MOVING, STILL = 0.25, 0.10
"""Box sizes per second above which an animal moves, and below which it is still; between them it goes on."""

LONGEST_STEP_S = 2.0
"""Over longer times between two boxes nothing is known, and nothing is counted."""


@dataclass(frozen=True, slots=True)
class Movement:
    """A stretch of time in which one animal moved, or was still.

    Attributes:
        track_id: of the track.
        moving: false: still.
        start_s: first second, inclusive.
        end_s: last second, exclusive.
    """

    track_id: int
    moving: bool
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def find_movement(track: Track, times_s: Float64, end_s: float) -> tuple[Movement, ...]:
    """Return when an animal moved, and when it was still.

    Args:
        track: may have gaps; of one longer than `LONGEST_STEP_S` nothing is said.
        times_s: (F,) seconds of all frames of the video.
        end_s: of the track, exclusive.

    Returns:
        Stretches in order of time; neighbours differ or have a gap between them. None for a track whose
        boxes are too far apart in time, or of a single frame.
    """
    at_s = times_s[track.frames]
    if len(at_s) < 2:
        return ()
    ends = np.append(at_s[1:], max(end_s, float(at_s[-1])))
    known = np.append(np.diff(at_s) <= LONGEST_STEP_S, np.diff(at_s)[-1:] <= LONGEST_STEP_S)
    moving = _with_hysteresis(compute_speed(track, times_s))
    found: list[Movement] = []
    borders = [0, *(i for i in range(1, len(at_s)) if moving[i] != moving[i - 1] or not known[i - 1])]
    for first, after in pairwise([*borders, len(at_s)]):
        if known[first]:
            last = after - 1 if known[after - 1] else after - 2
            found.append(Movement(track.track_id, bool(moving[first]), float(at_s[first]), float(ends[last])))
    return tuple(found)


def compute_speed(track: Track, times_s: Float64) -> Float64:
    """Return how fast the centre of an animal's box moves.

    Args:
        track: may have gaps.
        times_s: (F,) seconds of all frames of the video.

    Returns:
        (T,) box sizes (square root of the area) per second at each frame of the track, over `WINDOW_S`
        around it; nearer to the track's ends, and at gaps, over what there is.
    """
    at_s = times_s[track.frames]
    boxes = track.boxes.astype(np.float64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    size = np.sqrt(sides[:, 0] * sides[:, 1])
    group = np.append(0, np.cumsum(np.diff(at_s) > LONGEST_STEP_S))  # stretches without a long gap
    speed = np.zeros(len(at_s))
    for number in range(int(group[-1]) + 1):
        own = np.flatnonzero(group == number)
        if len(own) < 2:
            continue
        start = np.maximum(at_s[own] - WINDOW_S / 2, at_s[own[0]])
        end = np.minimum(at_s[own] + WINDOW_S / 2, at_s[own[-1]])
        way = np.stack(
            [np.interp(end, at_s[own], c) - np.interp(start, at_s[own], c) for c in centres[own].T]
        )
        speed[own] = np.hypot(*way) / np.maximum(end - start, 1e-6) / size[own]
    return speed


def _with_hysteresis(speed: Float64) -> Bool:
    """(T,) bool: above `MOVING` it begins to move, below `STILL` it stops."""
    moving = np.zeros(len(speed), bool)
    state = bool(speed[0] > (MOVING + STILL) / 2)
    for i, value in enumerate(speed):
        state = value >= STILL if state else value > MOVING
        moving[i] = state
    return moving


def moving_seconds(movements: Sequence[Movement], start_s: float, end_s: float) -> tuple[float, float]:
    """Return the seconds from ``start_s`` to ``end_s`` in which an animal moved, and was still."""
    seconds = [0.0, 0.0]
    for movement in movements:
        shared = min(end_s, movement.end_s) - max(start_s, movement.start_s)
        seconds[0 if movement.moving else 1] += max(0.0, shared)
    return seconds[0], seconds[1]
