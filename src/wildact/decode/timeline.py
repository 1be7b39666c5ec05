"""Exact frame times: from what the container states to strictly increasing ticks that start at 0."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from wildact.types import Int64

MAX_GAP_S = 3600
"""A longer way from one frame to the next is a damaged timestamp, not a pause."""

MAX_STEP_BACK_S = 1
"""A longer way back is a clock that was reset (parts of a recording joined); a shorter one is disorder."""

CONSTANT_SHARE = 0.9
"""Share of the steps that must agree with a stated frame rate for it to be believed."""


class Timeline:
    """Collects the frames' times while a video is decoded, and repairs them where they must be.

    Memory: 8 bytes per frame.

    Attributes:
        time_base: seconds per tick, exact.
        missing: frames that had no timestamp; their times are reconstructed from the frame rate.
        disordered: frames not after the one before by a little; moved just after it.
        jumps: times the clock jumped far back or far ahead; what follows is appended without the jump.
        first_repair: index of the first frame repaired, or None.
    """

    def __init__(self, time_base: Fraction, fps: Fraction) -> None:
        """Start an empty timeline.

        Args:
            time_base: seconds per tick of the stated timestamps.
            fps: nominal frame rate, for frames without a usable timestamp.
        """
        self.time_base = time_base
        self.missing = 0
        self.disordered = 0
        self.jumps = 0
        self.first_repair: int | None = None
        self._step = max(1, round(1 / (fps * time_base)))
        self._max_gap = max(self._step, int(MAX_GAP_S / time_base))
        self._max_back = int(MAX_STEP_BACK_S / time_base)
        self._pts = array("q")
        self._origin = 0

    def __len__(self) -> int:
        return len(self._pts)

    @property
    def pts(self) -> Int64:
        """(F,) int64 ticks, strictly increasing, 0 at the first frame."""
        return np.array(self._pts, np.int64)

    @property
    def times(self) -> tuple[Fraction, Fraction]:
        """Exact seconds of the first and of the last frame. Raises ``IndexError`` where there is none."""
        return self._pts[0] * self.time_base, self._pts[-1] * self.time_base

    def add(self, stated: int | None) -> Fraction:
        """Append the next frame in presentation order.

        Args:
            stated: its timestamp in ticks as the container states it; None where it states none.

        Returns:
            Exact seconds since the first frame.
        """
        pts = self._first(stated) if not self._pts else self._next(stated)
        self._pts.append(pts)
        return pts * self.time_base

    def _first(self, stated: int | None) -> int:
        if stated is None:
            self._repaired()
            self.missing += 1
        self._origin = stated or 0
        return 0

    def _next(self, stated: int | None) -> int:
        last = self._pts[-1]
        if stated is None:
            self._repaired()
            self.missing += 1
            return last + self._step
        pts = stated - self._origin
        if last < pts <= last + self._max_gap:
            return pts
        self._repaired()
        if last - self._max_back <= pts <= last:
            self.disordered += 1
            # A quarter of a frame leaves room for the next one, which may well be right.
            return last + max(1, self._step // 4)
        self.jumps += 1
        self._origin = stated - (last + self._step)
        return last + self._step

    def _repaired(self) -> None:
        if self.first_repair is None:
            self.first_repair = len(self._pts)

    def fps(self, stated: Sequence[Fraction]) -> Fraction | None:
        """Frame rate by the frames' times.

        Args:
            stated: rates that the file states, the likeliest first.

        Returns:
            The first stated rate that agrees with the frames' times: the median step is one frame, and at
            least ``CONSTANT_SHARE`` of the steps are whole frames (more than one where frames were lost), to
            less than one tick. If there is none, the mean from the first to the last frame. None for fewer
            than two frames.
        """
        if len(self) < 2:
            return None
        steps = np.diff(self.pts)
        for rate in stated:
            frame = float(1 / (rate * self.time_base))
            off = np.abs(steps - frame * np.maximum(1, np.round(steps / frame)))
            if abs(np.median(steps) - frame) < 1 and np.mean(off < 1) >= CONSTANT_SHARE:
                return rate
        first, last = self.times
        return (len(self) - 1) / (last - first)
