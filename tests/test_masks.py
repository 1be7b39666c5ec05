from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from wildact.masks import (
    decode_mask,
    encode_cropped_mask,
    encode_mask,
    from_coco,
    mask_area,
    mask_iou,
    mask_overlap,
    mask_to_box,
    mask_to_polygons,
    polygons_to_mask,
    to_coco,
)


@st.composite
def bitmaps(draw):
    height, width = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    return np.array(bits).reshape(height, width)


@settings(deadline=None)
@given(bitmaps())
def test_encode_decode_round_trip(bitmap):
    assert (decode_mask(encode_mask(bitmap)) == bitmap).all()
    assert mask_area(encode_mask(bitmap)) == bitmap.sum()


@settings(max_examples=200, deadline=None)
@given(bitmaps(), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_cropped_encoding_equals_encoding_the_whole_frame(crop, left, top, right, bottom):
    frame = np.pad(crop, ((top, bottom), (left, right)))
    assert encode_cropped_mask(crop, left, top, *frame.shape) == encode_mask(frame)


def test_a_crop_outside_the_frame_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        encode_cropped_mask(np.ones((4, 4), bool), 7, 0, 10, 10)


def test_box_is_tight_and_half_open():
    bitmap = np.zeros((20, 30), bool)
    bitmap[3:7, 10:25] = True
    assert mask_to_box(encode_mask(bitmap)).tolist() == [10, 3, 25, 7]


def test_iou_counts_pixels():
    a, b = np.zeros((2, 10, 10), bool)
    a[:, :6] = True
    b[:, 3:9] = True
    assert mask_iou((encode_mask(a),), (encode_mask(b),))[0, 0] == pytest.approx(3 / 9)
    assert mask_iou((), (encode_mask(b),)).shape == (0, 1)


def test_polygon_of_an_ellipse_comes_back_nearly_the_same():
    bitmap = cv2.ellipse(np.zeros((80, 120), np.uint8), (60, 40), (40, 20), 20, 0, 360, 1, -1).astype(bool)
    back = polygons_to_mask(mask_to_polygons(encode_mask(bitmap)), 80, 120)
    assert mask_iou((encode_mask(bitmap),), (back,))[0, 0] > 0.93


def test_from_coco_reads_all_three_spellings():
    bitmap = np.zeros((6, 5), bool)
    bitmap[2:4, 1:3] = True
    rle = encode_mask(bitmap)
    text = {"size": [6, 5], "counts": rle.counts.decode()}
    runs = {"size": [6, 5], "counts": [8, 2, 4, 2, 14]}
    assert from_coco(to_coco(rle)) == from_coco(text) == from_coco(runs) == rle
    assert coco_mask.area(to_coco(rle)) == 4


@pytest.mark.parametrize(
    "broken",
    [
        {},
        [[0, 0, 5, 0, 5, 5]],
        {"size": [6, 5]},
        {"size": "65", "counts": [30]},
        {"size": [6, float("inf")], "counts": [30]},
        {"size": [-6, -5], "counts": [30]},
        {"size": [0, 0], "counts": []},
        {"size": [10**6, 10**6], "counts": [10**12]},
        {"size": [6, 5], "counts": [3]},
        {"size": [6, 5], "counts": [40, -10]},
        {"size": [6, 5], "counts": [10**30]},
        {"size": [6, 5], "counts": ["30"]},
        {"size": [6, 5], "counts": 30},
        {"size": [6, 5], "counts": ""},
        {"size": [6, 5], "counts": "zzzz"},
        {"size": [6, 5], "counts": "ä"},
        {"size": [6, 5], "counts": "8"},  # a run of 8, and 22 pixels are missing
        {"size": [6, 5], "counts": "ooooooooooooooo0"},
        {"size": [6, 5], "counts": "o"},  # says that more follows
    ],
)
def test_from_coco_refuses_what_is_no_mask(broken):
    with pytest.raises(ValueError, match=r"size|run lengths"):
        from_coco(broken)


@settings(deadline=None)
@given(bitmaps())
def test_from_coco_takes_every_mask_that_pycocotools_makes(bitmap):
    rle = encode_mask(bitmap)
    assert from_coco({"size": list(bitmap.shape), "counts": rle.counts.decode()}) == rle


@settings(deadline=None)
@given(st.binary(max_size=12) | st.text("0123456789PQXZabcdo", max_size=12), st.integers(-1, 9))
def test_from_coco_lets_only_masks_of_the_whole_frame_through(counts, height):
    with suppress(ValueError):
        rle = from_coco({"size": [height, 5], "counts": counts})
        outside = coco_mask.encode(np.asfortranarray(~decode_mask(rle), np.uint8))
        assert mask_area(rle) + coco_mask.area(outside) == height * 5


@settings(deadline=None)
@given(bitmaps(), st.randoms())
def test_overlap_is_the_share_of_the_smaller_mask(bitmap, random):
    other = np.array([[random.random() < 0.5 for _ in row] for row in bitmap])
    smaller = min(bitmap.sum(), other.sum())
    expected = (bitmap & other).sum() / smaller if smaller else 0
    assert mask_overlap((encode_mask(bitmap),), (encode_mask(other),))[0, 0] == pytest.approx(expected)
    assert mask_overlap((), (encode_mask(other),)).shape == (0, 1)
