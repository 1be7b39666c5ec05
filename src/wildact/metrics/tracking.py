"""HOTA, IDF1 and MOTA of tracks, computed by TrackEval; and which predicted track is which true animal.

Species play no part here: a track is right if it follows one animal.

Reference: Luiten et al. 2021, HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking;
Ristani et al. 2016 (IDF1); Bernardin & Stiefelhagen 2008 (MOTA).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # SciPy ships no types

from wildact.boxes import box_area, box_iou
from wildact.errors import UsageError
from wildact.types import Float32, Float64, Int64, Track

MIN_IOU = 0.5
"""Overlap from which a predicted box is taken for an animal; TrackEval's and MOTChallenge's."""

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """Tracking quality of one video or of a set; shares are ``nan`` where there is no truth.

    Attributes:
        hota: higher order tracking accuracy, mean over IoU thresholds 0.05, ..., 0.95, in [0, 1].
        det_a: its part from detection, in [0, 1].
        ass_a: its part from association, in [0, 1].
        idf1: F1 of boxes that carry the right identity, in [0, 1].
        mota: 1 - (misses + false positives + identity switches) / true boxes; can be negative.
        id_switches: times an animal's track changes its number.
        false_positives: predicted boxes on no animal.
        misses: true boxes without a predicted one.
        true_boxes: counted true boxes.
        true_tracks: animals with at least one counted box.
        predicted_tracks: predicted tracks with at least one counted box.
    """

    hota: float
    det_a: float
    ass_a: float
    idf1: float
    mota: float
    id_switches: int
    false_positives: int
    misses: int
    true_boxes: int
    true_tracks: int
    predicted_tracks: int


class TrackMatch(NamedTuple):
    """A true animal and the predicted track that follows it.

    Attributes:
        truth_id: ``track_id`` of the annotated track.
        predicted_id: ``track_id`` of the predicted track.
        frames: on how many frames their boxes overlap enough.
    """

    truth_id: int
    predicted_id: int
    frames: int


class _Sequence(NamedTuple):
    """One video frame by frame: identities counted from 0, and boxes."""

    gt_ids: list[Int64]
    tracker_ids: list[Int64]
    similarity: list[Float64]


def compute_tracking_scores(
    videos: Mapping[str, tuple[Sequence[Track], Sequence[Track]]], *, min_height_px: float = 0
) -> tuple[dict[str, TrackingScores], TrackingScores]:
    """Score the tracks of each video, and of all videos together.

    Args:
        videos: name to annotated and predicted tracks; annotated ones leave out frames on which the animal is
            hidden.
        min_height_px: true boxes that are lower, and predicted boxes matched to them, are taken out first.

    Returns:
        Scores of each video, and over the whole set: counts are added up, shares computed from the sums.

    Raises:
        UsageError: if TrackEval is not installed.
    """
    metrics = _build_metrics()
    data = {
        name: _trackeval_data(_build_sequence(truth, predicted, min_height_px))
        for name, (truth, predicted) in (videos or {"no video": ((), ())}).items()
    }
    results = {name: {m.get_name(): m.eval_sequence(d) for m in metrics} for name, d in data.items()}
    scores = {name: _combine(metrics, {name: results[name]}, [data[name]]) for name in videos}
    return scores, _combine(metrics, results, list(data.values()))


def match_tracks(
    truth: Sequence[Track], predicted: Sequence[Track], *, min_iou: float = MIN_IOU
) -> list[TrackMatch]:
    """Pair true animals and predicted tracks one to one, so that as many frames as possible agree.

    Args:
        truth: annotated tracks.
        predicted: predicted tracks of the same video.
        min_iou: overlap of boxes from which a frame agrees.

    Returns:
        Pairs that agree on at least one frame, in the order of ``truth``.
    """
    agree = np.array([[_count_agreeing(t, p, min_iou) for p in predicted] for t in truth], np.int64)
    agree = agree.reshape(len(truth), len(predicted))
    rows, columns = linear_sum_assignment(agree, maximize=True)
    return [
        TrackMatch(truth[i].track_id, predicted[j].track_id, int(agree[i, j]))
        for i, j in zip(rows, columns, strict=True)
        if agree[i, j] > 0
    ]


def _count_agreeing(truth: Track, predicted: Track, min_iou: float) -> int:
    _, i, j = np.intersect1d(truth.frames, predicted.frames, assume_unique=True, return_indices=True)
    return int(np.sum(_paired_iou(truth.boxes[i], predicted.boxes[j]) >= min_iou))


def _paired_iou(a: Float32, b: Float32) -> Float32:
    """(N,) overlap of box i of ``a`` with box i of ``b``."""
    common = np.concatenate([np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])], axis=1)
    intersection = box_area(common)
    return np.asarray(intersection / np.maximum(box_area(a) + box_area(b) - intersection, 1e-9), np.float32)


def _build_metrics() -> tuple[Any, Any, Any]:
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise UsageError(
            "tracking scores need TrackEval: install it with `pip install 'wildact[evaluate]'`"
        ) from error
    quiet = {"THRESHOLD": MIN_IOU, "PRINT_CONFIG": False}
    return HOTA(), CLEAR(quiet), Identity(quiet)


def _build_sequence(truth: Sequence[Track], predicted: Sequence[Track], min_height_px: float) -> _Sequence:
    """Turn tracks into frames, without true boxes that are too low and predicted ones matched to them."""
    true_rows, predicted_rows = _rows(truth), _rows(predicted)
    sequence = _Sequence([], [], [])
    for frame in np.union1d(true_rows[0], predicted_rows[0]):
        gt_ids, gt_boxes = _at(true_rows, frame)
        ids, boxes = _at(predicted_rows, frame)
        similarity = box_iou(gt_boxes, boxes).astype(np.float64)
        low = gt_boxes[:, 3] - gt_boxes[:, 1] < min_height_px
        keep = ~_matched_to(similarity, low)
        sequence.gt_ids.append(gt_ids[~low])
        sequence.tracker_ids.append(ids[keep])
        sequence.similarity.append(similarity[~low][:, keep])
    return sequence


def _matched_to(similarity: Float64, low: Any) -> Any:
    """(M,) bool: predicted boxes whose best one-to-one partner is a true box marked ``low`` (N,)."""
    matched = np.zeros(similarity.shape[1], bool)
    rows, columns = linear_sum_assignment(np.where(similarity >= MIN_IOU, similarity, 0), maximize=True)
    hit = (similarity[rows, columns] >= MIN_IOU) & low[rows]
    matched[columns[hit]] = True
    return matched


def _rows(tracks: Sequence[Track]) -> tuple[Int64, Int64, Float32]:
    """Frame, position of the track in the list, and box of every box of all tracks."""
    if not tracks:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    ids = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    return np.concatenate([t.frames for t in tracks]), ids, np.concatenate([t.boxes for t in tracks])


def _at(rows: tuple[Int64, Int64, Float32], frame: int) -> tuple[Int64, Float32]:
    here = rows[0] == frame
    return rows[1][here], rows[2][here]


def _trackeval_data(sequence: _Sequence) -> dict[str, Any]:
    """TrackEval's own form; identities are numbered anew, since those without a counted box are gone."""
    data: dict[str, Any] = {
        "num_timesteps": len(sequence.gt_ids),
        "similarity_scores": sequence.similarity,
    }
    for who, ids in (("gt", sequence.gt_ids), ("tracker", sequence.tracker_ids)):
        known = np.unique(np.concatenate(ids)) if ids else np.zeros(0, np.int64)
        data[f"{who}_ids"] = [np.searchsorted(known, i) for i in ids]
        data[f"num_{who}_ids"] = len(known)
        data[f"num_{who}_dets"] = sum(len(i) for i in ids)
    return data


def _combine(
    metrics: tuple[Any, Any, Any], results: Mapping[str, Mapping[str, Any]], data: list[dict[str, Any]]
) -> TrackingScores:
    """Scores over videos, from TrackEval's results of each."""
    true_boxes = sum(d["num_gt_dets"] for d in data)
    hota, clear, identity = (
        metric.combine_sequences({name: result[metric.get_name()] for name, result in results.items()})
        for metric in metrics
    )
    return TrackingScores(
        hota=float(np.mean(hota["HOTA"])) if true_boxes else _NAN,
        det_a=float(np.mean(hota["DetA"])) if true_boxes else _NAN,
        ass_a=float(np.mean(hota["AssA"])) if true_boxes else _NAN,
        idf1=float(identity["IDF1"]) if true_boxes else _NAN,
        mota=float(clear["MOTA"]) if true_boxes else _NAN,
        id_switches=int(clear["IDSW"]),
        false_positives=int(clear["CLR_FP"]),
        misses=int(clear["CLR_FN"]),
        true_boxes=true_boxes,
        true_tracks=sum(d["num_gt_ids"] for d in data),
        predicted_tracks=sum(d["num_tracker_ids"] for d in data),
    )
