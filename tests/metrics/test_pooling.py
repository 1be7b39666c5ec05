"""Pooling matches with weights is what the field's tools compute on files that hold videos as often."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from wildact.boxes import box_area, xyxy_to_xywh
from wildact.metrics import match_detections, pool_detection
from wildact.metrics.pooling import (
    RECALLS,
    Matches,
    mean_known,
    pool_average_precision,
    pool_recall,
    precision_at_recalls,
)
from wildact.types import Detections

CLASSES = ("deer", "boar", "fox")


def random_image(rng: Generator, *, ties: bool) -> tuple[Detections, Detections]:
    """Truth of one image, and shaken boxes with some false ones; with ties, many have the same score."""
    n, extra = rng.integers(0, 5), rng.integers(0, 3)
    corners = rng.uniform(0, 100, (n + extra, 2))
    boxes = np.concatenate([corners, corners + rng.choice([12, 60, 150], (n + extra, 1))], axis=1)
    labels = rng.integers(0, len(CLASSES), n + extra)
    shaken = boxes + rng.normal(0, 4, boxes.shape)
    shaken[:, 2:] = np.maximum(shaken[:, 2:], shaken[:, :2] + 1)
    scores = rng.integers(1, 10, n + extra) / 10 if ties else rng.random(n + extra)
    return detections(boxes[:n], np.ones(n), labels[:n]), detections(shaken, scores, labels)


def detections(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> Detections:
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), labels.astype(np.int64))


def coco_stats(videos: list[list[tuple[Detections, Detections]]]) -> list[float]:
    """COCO's twelve numbers over all images of some videos, from pycocotools alone."""
    images = [image for video in videos for image in video]
    entries = [
        [
            {
                "image_id": i,
                "category_id": int(found.labels[k]),
                "bbox": xyxy_to_xywh(found.boxes)[k].astype(float).tolist(),
                "area": float(box_area(found.boxes)[k]),
                "iscrowd": 0,
                "score": float(found.scores[k]),
            }
            for i, pair in enumerate(images)
            for found in [pair[which]]
            for k in range(len(found))
        ]
        for which in (0, 1)
    ]
    gt = COCO()
    gt.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(images))],
        "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES)],
        "annotations": [{**entry, "id": k + 1} for k, entry in enumerate(entries[0])],
    }
    with redirect_stdout(io.StringIO()):
        gt.createIndex()
        evaluation = COCOeval(gt, gt.loadRes(entries[1]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)


KEYS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


# of equal scores, pycocotools takes all of a video's copy before the next; a weight takes the copies together
@pytest.mark.parametrize(
    ("weights", "ties"),
    [((1, 1, 1, 1), True), ((2, 0, 1, 1), False), ((0, 3, 0, 1), False), ((0, 0, 4, 0), False)],
)
def test_a_weight_is_how_often_a_video_is_there(weights: tuple[int, ...], ties: bool) -> None:
    rng = np.random.default_rng(7)
    videos = [[random_image(rng, ties=ties) for _ in range(n)] for n in (4, 2, 5, 3)]
    matches = [
        match_detections([t for t, _ in video], [p for _, p in video], CLASSES, iou_type="bbox")
        for video in videos
    ]
    figures = pool_detection(matches, np.array([weights]), CLASSES)
    drawn = [video for video, weight in zip(videos, weights, strict=True) for _ in range(weight)]
    stats = np.array(coco_stats(drawn))
    ours = [float(figures[key][0]) for key in (*KEYS, "ar100")]
    theirs = np.where(stats < 0, np.nan, stats)[[0, 1, 2, 3, 4, 5, 8]]
    assert ours == pytest.approx(theirs.tolist(), abs=1e-12, nan_ok=True)
    assert 0 < ours[0] < 1


def matches_of(rows: list[tuple[float, bool]], wanted: int) -> Matches:
    """One class, one level."""
    hits = np.array([[hit for _, hit in rows]], bool).reshape(1, -1)
    scores = np.array([score for score, _ in rows], np.float64)
    return Matches(scores, np.zeros(len(rows), np.int64), hits, ~hits, np.array([[wanted]]))


ONE = np.ones((1, 1), np.int64)


def test_both_kinds_of_average_precision_by_hand() -> None:
    # hit (recall 1/2, precision 1), false alarm, hit (recall 1, precision 2/3)
    matches = [matches_of([(0.9, True), (0.8, False), (0.7, True)], 2)]
    assert pool_average_precision(matches, ONE, area=True)[0, 0, 0] == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    assert pool_average_precision(matches, ONE)[0, 0, 0] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert pool_recall(matches, ONE)[0, 0, 0] == 1


@pytest.mark.parametrize("area", [False, True])
def test_nothing_to_find_is_nan_and_nothing_found_is_0(area: bool) -> None:
    alarm = [(0.9, False)]
    videos = [matches_of(alarm, 0), matches_of([], 2), matches_of([], 0)]
    pooled = pool_average_precision(videos, np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]]), area=area)
    assert np.isnan(pooled[0, 0, 0])
    assert pooled[1:, 0, 0].tolist() == [0, 0]


def test_detections_that_are_neither_do_not_count() -> None:
    matches = matches_of([(0.9, False), (0.8, True)], 1)
    excused = Matches(matches.scores, matches.labels, matches.hits, np.zeros((1, 2), bool), matches.wanted)
    assert pool_average_precision([matches], ONE)[0, 0, 0] == pytest.approx(0.5)
    assert pool_average_precision([excused], ONE)[0, 0, 0] == pytest.approx(1)


rows = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), max_size=6)
videos = st.lists(rows, min_size=1, max_size=4)


@given(videos, st.data())
@settings(max_examples=30, deadline=None)
def test_all_resamples_at_once_are_each_one_alone(
    drawn: list[list[tuple[float, bool]]], data: st.DataObject
) -> None:
    matches = [matches_of(one, sum(hit for _, hit in one) + k % 2) for k, one in enumerate(drawn)]
    counts = st.lists(st.integers(0, 3), min_size=len(drawn), max_size=len(drawn))
    weights = np.array(data.draw(st.lists(counts, min_size=1, max_size=4)))
    for area in (False, True):
        together = pool_average_precision(matches, weights, area=area)
        alone = [pool_average_precision(matches, row[None], area=area)[0] for row in weights]
        np.testing.assert_allclose(together, alone)
        known = together[~np.isnan(together)]
        assert ((known >= 0) & (known <= 1 + 1e-12)).all()


def test_the_curve_falls_and_has_the_average_precision_as_its_mean() -> None:
    rng = np.random.default_rng(0)
    drawn = [[(float(rng.random()), bool(rng.random() < 0.6)) for _ in range(20)] for _ in range(3)]
    matches = [matches_of(one, 20) for one in drawn]
    (curve,) = precision_at_recalls(matches, 0)
    assert (np.diff(curve) <= 0).all()
    assert curve.mean() == pytest.approx(pool_average_precision(matches, np.ones((1, 3), np.int64))[0, 0, 0])
    assert len(curve) == len(RECALLS)
    assert np.isnan(precision_at_recalls([matches_of([], 0)], 0)).all()


def test_means_leave_out_what_is_unknown() -> None:
    values = np.array([[1.0, np.nan, 3.0], [np.nan] * 3])
    means = mean_known(values, axis=1)
    assert means[0] == 2
    assert np.isnan(means[1])
