from fractions import Fraction
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.boxes import box_iou
from wildact.metrics.motion import classify_speeds, compute_motion_iou
from wildact.types import Track


def track(frames: list[int], boxes: list[list[float]]) -> Track:
    n = len(frames)
    return Track(
        1, "deer", 1.0, np.array(frames), np.array(boxes, np.float32), np.ones(n, np.float32), (None,) * n
    )


def moving(frames: list[int], pixels: float) -> Track:
    """An animal 40 pixels wide that moves so far from frame to frame."""
    return track(frames, [[pixels * k, 0, pixels * k + 40, 30] for k in frames])


def overlap(shift: float) -> float:
    return (40 - shift) / (40 + shift)


def test_one_that_stands_still_overlaps_itself() -> None:
    assert compute_motion_iou(moving([*range(8)], 0), Fraction(30)) == pytest.approx(1)


def test_one_that_moves_by_hand() -> None:
    iou = compute_motion_iou(moving([*range(7)], 2), Fraction(10))  # three frames before and after
    each = [overlap(2), overlap(4), overlap(6)]
    assert iou[[0, 3, 6]] == pytest.approx(np.mean(each))
    assert iou[1] == pytest.approx(np.mean([each[0], *each]))


@pytest.mark.parametrize(
    ("fps", "reach"),
    [
        (Fraction(30), 10),
        (Fraction(30000, 1001), 10),
        (Fraction(25), 8),
        (Fraction(15), 5),
        (Fraction(10), 3),
    ],
)
def test_the_neighbourhood_is_a_third_of_a_second(fps: Fraction, reach: int) -> None:
    alone = moving([0, reach], 1)
    assert compute_motion_iou(alone, fps) == pytest.approx(overlap(reach))
    assert np.isnan(compute_motion_iou(moving([0, reach + 1], 1), fps)).all()


def test_hidden_frames_are_not_compared() -> None:
    iou = compute_motion_iou(moving([0, 2, 10], 3), Fraction(10))
    assert iou[:2] == pytest.approx(overlap(6))
    assert np.isnan(iou[2])  # seen on this frame only


def test_where_nobody_said_how_fast_frames_follow_nothing_is_known() -> None:
    assert np.isnan(compute_motion_iou(moving([0, 1], 1), Fraction(0))).all()


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=20)))
    corner = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30))
    corners = draw(st.lists(corner, min_size=len(frames), max_size=len(frames)))
    return track(frames, [[x, y, x + w, y + h] for x, y, w, h in corners])


@given(tracks(), st.sampled_from([10, 12, 15, 25, 30]))
def test_as_each_box_with_each_other(one: Track, fps: int) -> None:
    reach = {10: 3, 12: 4, 15: 5, 25: 8, 30: 10}[fps]
    iou = box_iou(one.boxes, one.boxes)
    expected = [
        np.mean(near) if (near := [iou[i, j] for j in range(len(one)) if j != i and
                                   abs(int(one.frames[i] - one.frames[j])) <= reach]) else nan
        for i in range(len(one))
    ]  # fmt: skip
    assert compute_motion_iou(one, Fraction(fps)) == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_slow_medium_and_fast() -> None:
    assert classify_speeds(np.array([1.0, 0.91, 0.9, 0.7, 0.69, 0.0, nan])).tolist() == [0, 0, 1, 1, 2, 2, -1]
