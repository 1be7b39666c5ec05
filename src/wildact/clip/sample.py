"""Which T frames of a track make a clip: chosen by time, so that any frame rate gives the same moments.

A clip of T frames at ``rate`` frames per second stands for the stretch ``[start, start + T / rate)``. Its
k-th frame is the video frame nearest to ``start + k / rate``. The instants lie at the *beginnings* of the T
slots, as the times of video frames do: where the video runs at ``rate`` itself, each instant falls on a
frame. At the slots' centres it would fall midway between two, and rounding errors would repeat some frames
and skip others.
"""

from __future__ import annotations

import math

import numpy as np

from wildact.types import Float64, Int64

TIE_S = 1e-6
"""Distances in time that differ by less count as equal: rounding errors, far below any frame's duration."""


def sample_windows(start_s: float, end_s: float, *, clip_s: float, hop_s: float) -> Float64:
    """Windows of one length that slide over a stretch of time and cover all of it.

    Args:
        start_s: start of the stretch, seconds.
        end_s: its end, exclusive.
        clip_s: length of each window.
        hop_s: from the start of one window to the start of the next.

    Returns:
        (K, 2) float64 start and end of each window, K >= 1. The first begins with the stretch and the last
        ends with it, so the last hop may be shorter. A stretch no longer than ``clip_s`` gets one window that
        is centred on it, and reaches beyond it.

    Raises:
        ValueError: if a length or the hop is not positive, or the stretch ends before it starts.
    """
    if clip_s <= 0 or hop_s <= 0 or end_s < start_s:
        raise ValueError(f"no windows of {clip_s} s every {hop_s} s between {start_s} s and {end_s} s")
    spare = end_s - start_s - clip_s
    if spare <= TIE_S:
        starts = np.array([start_s + spare / 2])
    else:
        hops = math.ceil((spare - TIE_S) / hop_s)
        starts = start_s + np.minimum(np.arange(hops + 1) * hop_s, spare)
        starts[-1] = start_s + spare
    return np.stack([starts, starts + clip_s], axis=1)


def sample_frames(times_s: Float64, start_s: float, *, num_frames: int, rate: float) -> Int64:
    """Indices of the frames nearest to ``start_s + k / rate`` for k = 0 ... ``num_frames`` - 1.

    Args:
        times_s: (F,) times of the frames to choose from, increasing; evenly spaced or not.
        start_s: start of the clip, on the same clock.
        num_frames: T.
        rate: frames per second of the clip.

    Returns:
        (T,) int64 indices into ``times_s``, never decreasing. Of two frames equally near, the earlier.
        Instants before the first or after the last frame get that frame; a video slower than ``rate``
        repeats frames.

    Raises:
        ValueError: if there is no frame to choose from, or ``num_frames`` or ``rate`` is not positive.
    """
    if len(times_s) == 0 or num_frames < 1 or rate <= 0:
        raise ValueError(f"cannot sample {num_frames} frames at {rate} per second from {len(times_s)} frames")
    instants = start_s + np.arange(num_frames) / rate
    boundaries = (times_s[1:] + times_s[:-1]) / 2
    return np.searchsorted(boundaries + TIE_S, instants, side="left").astype(np.int64)
