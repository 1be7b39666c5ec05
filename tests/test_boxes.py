import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.boxes import (
    box_area,
    box_iou,
    clip_boxes,
    interpolate_boxes,
    paired_iou,
    paired_share,
    xywh_to_xyxy,
    xyxy_to_xywh,
)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def test_iou_of_half_overlapping_squares_is_a_third():
    iou = box_iou(boxes((0, 0, 10, 10)), boxes((5, 0, 15, 10), (0, 0, 10, 10), (20, 20, 30, 30)))
    assert iou == pytest.approx(np.array([[1 / 3, 1, 0]]), abs=1e-6)


def test_empty_and_inverted_boxes_have_no_area_and_no_overlap():
    odd = boxes((5, 5, 5, 9), (8, 8, 2, 2))
    assert box_area(odd).tolist() == [0, 0]
    assert box_iou(odd, odd).max() == 0


@given(st.lists(st.tuples(*[st.floats(-50, 50, width=32)] * 4), max_size=5))
def test_xywh_round_trip(rows):
    xyxy = boxes(*rows)
    assert np.allclose(xywh_to_xyxy(xyxy_to_xywh(xyxy)), xyxy, atol=1e-4)


def test_clip_cuts_at_all_four_borders():
    assert clip_boxes(boxes((-5, -6, 700, 400)), 640, 360).tolist() == [[0, 0, 640, 360]]


def test_interpolation_is_linear_between_and_constant_outside():
    known = boxes((0, 0, 10, 10), (10, 0, 20, 10))
    at = interpolate_boxes(np.array([-1, 0.25, 5], np.float32), np.array([0, 1], np.float32), known)
    assert at[:, 0].tolist() == [0, 2.5, 10]


def test_pairs_are_the_diagonal_of_all_with_all():
    rng = np.random.default_rng(0)
    a, b = (
        np.concatenate([c, c + rng.uniform(0, 9, (20, 2))], axis=1) for c in rng.uniform(0, 9, (2, 20, 2))
    )
    a, b = a.astype(np.float32), b.astype(np.float32)
    np.testing.assert_allclose(paired_iou(a, b), np.diag(box_iou(a, b)), rtol=1e-5)
    nothing = np.zeros((1, 4), np.float32)
    assert paired_iou(nothing, nothing).tolist() == [0]


def test_share_is_of_the_first_box():
    small, large = np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 9, 9]], np.float32)
    assert paired_share(small, large).tolist() == [0.5]
    assert paired_share(large, small).tolist() == pytest.approx([2 / 72])
    assert paired_share(np.zeros((1, 4), np.float32), large).tolist() == [0]
