"""Steadied boxes: straight walks stay, jumps shrink, and no box leaves the frame or turns inside out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wildact.track.smooth import steady_boxes


def walk(count, *, speed=37.0, start=20.0):
    left = start + speed * np.arange(count)
    return np.stack([left, np.full(count, 50.0), left + 60, np.full(count, 110.0)], axis=1).astype(np.float32)


def ones(count):
    return np.ones(count, np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 40])
@pytest.mark.parametrize("fps", [2, 10, 60])
def test_an_even_walk_stays_as_it_is_to_its_ends(count, fps):
    boxes = walk(count)
    assert np.allclose(steady_boxes(np.arange(count) / fps, boxes, ones(count), 0.1), boxes, atol=1e-2)


def test_boxes_that_jump_come_nearer_to_the_truth():
    rng = np.random.default_rng(0)
    jumping = walk(100) + rng.normal(0, 4, (100, 4)).astype(np.float32)
    smooth = steady_boxes(np.arange(100) / 10, jumping, ones(100), 0.1)
    assert np.abs(smooth - walk(100)).mean() < 0.75 * np.abs(jumping - walk(100)).mean()


def test_boxes_far_apart_in_time_leave_each_other_alone():
    boxes = np.random.default_rng(0).uniform(0, 100, (6, 4)).astype(np.float32)
    boxes[:, 2:] += 100
    times_s = np.array([0, 1, 1.5, 40, 41, 41.4])
    assert np.allclose(steady_boxes(times_s, boxes, ones(6), 0.1), boxes, atol=1e-3)


def test_a_box_of_little_worth_gives_way():
    boxes, weights = walk(9), ones(9)
    boxes[4, 0] += 30
    weights[4] = 0.01
    smooth = steady_boxes(np.arange(9) / 10, boxes, weights, 0.1)
    assert abs(smooth[4, 0] - walk(9)[4, 0]) < 2
    weights[:] = 0
    assert np.isfinite(steady_boxes(np.arange(9) / 10, boxes, weights, 0.1)).all()


@given(st.data())
def test_no_box_leaves_the_outermost_borders_or_turns_inside_out(data):
    count = data.draw(st.integers(1, 20))
    number = st.floats(0, 1000, width=32)
    corner = data.draw(arrays(np.float32, (count, 2), elements=number))
    size = data.draw(arrays(np.float32, (count, 2), elements=st.floats(1, 500, width=32)))
    weights = data.draw(arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    apart_s = data.draw(arrays(np.float64, count, elements=st.floats(1e-3, 5)))
    boxes = np.concatenate([corner, corner + size], axis=1)
    smooth = steady_boxes(np.cumsum(apart_s), boxes, weights, 0.1)
    assert smooth.dtype == np.float32
    assert (smooth >= boxes.min(axis=0)).all()
    assert (smooth <= boxes.max(axis=0)).all()
    assert (smooth[:, 2:] > smooth[:, :2]).all()


def test_memory_grows_with_the_length_only():
    count = 200_000  # all against all would be 300 GB
    assert steady_boxes(np.arange(count) / 30, walk(count, speed=0.01), ones(count), 0.1).shape == (count, 4)
