from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.decode.timeline import Timeline

MS = Fraction(1, 1000)


def filled(stated: list[int | None], time_base: Fraction = MS, fps: Fraction = Fraction(25)) -> Timeline:
    line = Timeline(time_base, fps)
    for pts in stated:
        line.add(pts)
    return line


def test_good_times_are_kept_from_zero() -> None:
    line = filled([500, 540, 580, 700])
    assert line.pts.tolist() == [0, 40, 80, 200]
    assert line.first_repair is None


def test_missing_times_follow_the_frame_rate() -> None:
    line = filled([0, None, None, 120])
    assert line.pts.tolist() == [0, 40, 80, 120]
    assert (line.missing, line.first_repair) == (2, 1)


def test_repeated_and_swapped_times_become_increasing() -> None:
    line = filled([0, 40, 40, 80, 160, 120, 200])
    assert line.pts.tolist() == [0, 40, 50, 80, 160, 170, 200]
    assert line.disordered == 2


def test_clock_reset_is_taken_out() -> None:
    line = filled([0, 5000, 10000, 0, 40, 80])
    assert line.pts.tolist() == [0, 5000, 10000, 10040, 10080, 10120]
    assert line.jumps == 1


def test_absurd_gap_is_taken_out() -> None:
    line = filled([0, 40, 2**62, 2**62 + 40])
    assert line.pts.tolist() == [0, 40, 80, 120]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([0, 33, 67, 100, 133, 167], Fraction(30)),
        ([0, 40, 80, 120], Fraction(25)),
        ([0, 40, 80, 200, 240, 280, 360, 400], Fraction(25)),
        ([0, 100, 1000], Fraction(2)),
        ([0, 40, 120, 280], Fraction(75, 7)),
        ([7], None),
    ],
)
def test_rate_is_the_stated_one_or_the_mean(stated: list[int], expected: Fraction | None) -> None:
    assert filled(list(stated)).fps((Fraction(1, 3), Fraction(25), Fraction(30))) == expected


@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-5000, 5000), max_size=50),
    st.sampled_from([MS, Fraction(1, 90000), Fraction(1001, 30000), Fraction(1), Fraction(1, 2**31 - 1)]),
    st.sampled_from([Fraction(1, 3600), Fraction(25), Fraction(1000)]),
)
def test_any_times_become_strictly_increasing(stated: list[int | None], tb: Fraction, fps: Fraction) -> None:
    line = filled(stated, tb, fps)
    pts = line.pts.tolist()
    assert len(pts) == len(stated)
    assert all(a < b for a, b in pairwise(pts))
    assert pts[:1] in ([], [0])
