"""Seq-NMS against a version that tries every sequence there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.boxes import box_iou
from wildact.detect import apply_seq_nms
from wildact.masks import encode_cropped_mask
from wildact.types import Detections


def make(boxes, scores, labels=None):
    labels = [0] * len(scores) if labels is None else labels
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores, np.float32),
        labels=np.array(labels, np.int64),
        masks=tuple(encode_cropped_mask(np.ones((1, 1), bool), i, 0, 4, 40) for i in range(len(scores))),
    )


def random_frames(seed, *, frames, most):
    """Boxes that jitter around a few places, so that many of them overlap from frame to frame."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (3, 2))
    found = []
    for _ in range(frames):
        count = int(rng.integers(0, most + 1))
        start = corners[rng.integers(0, 3, count)] + rng.normal(0, 4, (count, 2))
        boxes = np.concatenate([start, start + rng.uniform(15, 25, (count, 2))], axis=1)
        found.append(make(boxes, rng.uniform(0.001, 1, count), rng.integers(0, 2, count)))
    return found


def sequences_from(frame, box, boxes, link_iou):
    yield [(frame, box)]
    if frame + 1 < len(boxes):
        overlaps = box_iou(boxes[frame][box : box + 1], boxes[frame + 1])[0]
        for following in np.flatnonzero(overlaps >= link_iou):
            for rest in sequences_from(frame + 1, int(following), boxes, link_iou):
                yield [(frame, box), *rest]


def by_brute_force(frames, link_iou=0.5, suppress_iou=0.3, min_sum=0.01):
    """(frame, number of the box) -> score, by taking the best of all sequences again and again."""
    scored = {}
    for label in {int(x) for f in frames for x in f.labels}:
        left = [list(np.flatnonzero(f.labels == label)) for f in frames]
        while True:
            boxes = [f.boxes[list(numbers)] for f, numbers in zip(frames, left, strict=True)]
            paths = [
                path
                for frame in range(len(frames))
                for box in range(len(left[frame]))
                for path in sequences_from(frame, box, boxes, link_iou)
            ]
            scores = [[float(frames[f].scores[left[f][b]]) for f, b in path] for path in paths]
            if not paths or max(map(sum, scores)) < min_sum:
                break
            best = max(range(len(paths)), key=lambda i: sum(scores[i]))
            for frame, box in paths[best]:
                scored[frame, int(left[frame][box])] = np.mean(scores[best])
                near = box_iou(boxes[frame][box : box + 1], boxes[frame])[0] >= suppress_iou
                left[frame] = [number for number, gone in zip(left[frame], near, strict=True) if not gone]
    return scored


def by_name(frames, result):
    """The same mapping, of what `apply_seq_nms` returned: masks tell the boxes apart."""
    return {
        (frame, before.masks.index(mask)): float(score)
        for frame, (before, after) in enumerate(zip(frames, result, strict=True))
        for mask, score in zip(after.masks, after.scores, strict=True)
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 5), st.integers(0, 4))
def test_the_same_boxes_and_scores_as_by_brute_force(seed, frames, most):
    found = random_frames(seed, frames=frames, most=most)
    ours, expected = by_name(found, apply_seq_nms(found)), by_brute_force(found)
    assert ours.keys() == expected.keys()
    assert all(ours[key] == pytest.approx(expected[key], rel=1e-5) for key in expected)


def test_a_long_sequence_lifts_its_weak_part_and_removes_what_overlaps_it():
    box, beside = (0, 0, 20, 20), (4, 0, 24, 20)
    frames = [make([box], [0.9]), make([box, beside], [0.3, 0.5]), make([box], [0.9])]
    result = apply_seq_nms(frames)
    assert [len(f) for f in result] == [1, 1, 1]
    assert result[1].boxes[0].tolist() == list(
        beside
    )  # the higher sum of scores, IoU 2/3 with its neighbours
    assert all(f.scores[0] == pytest.approx((0.9 + 0.5 + 0.9) / 3, abs=1e-6) for f in result)


def test_classes_do_not_link_or_suppress_each_other():
    box = (0, 0, 20, 20)
    frames = [make([box, box], [0.8, 0.4], [0, 1]), make([box], [0.2], [1])]
    first, second = apply_seq_nms(frames)
    assert first.labels.tolist() == [0, 1]
    assert first.scores.tolist() == pytest.approx([0.8, 0.3])
    assert second.scores.tolist() == pytest.approx([0.3])


def test_a_gap_of_one_frame_ends_a_sequence():
    box = (0, 0, 20, 20)
    result = apply_seq_nms([make([box], [0.9]), make([], []), make([box], [0.1])])
    assert [f.scores.tolist() for f in result] == [pytest.approx([0.9]), [], pytest.approx([0.1])]


def test_what_no_sequence_lifts_goes_and_nothing_stays_nothing():
    assert [len(f) for f in apply_seq_nms([make([(0, 0, 9, 9)], [0.005]), make([], [])])] == [0, 0]
    assert apply_seq_nms([]) == []


def test_a_long_video_is_one_sequence_for_each_animal():
    boxes = [(0, 0, 20, 20), (50, 0, 70, 20)]
    frames = [make(boxes, [0.5, 0.9 if k % 7 else 0.002]) for k in range(700)]
    result = apply_seq_nms(frames)
    assert all(len(found) == 2 for found in result)
    assert all(found.scores.tolist() == pytest.approx([(6 * 0.9 + 0.002) / 7, 0.5]) for found in result)
