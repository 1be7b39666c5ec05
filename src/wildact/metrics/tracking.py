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

from wildact.boxes import box_iou, paired_iou, paired_share
from wildact.errors import UsageError
from wildact.types import Bool, Float32, Float64, Int64, Track

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


@dataclass(frozen=True, slots=True)
class TrackingCounts:
    """What TrackEval counts in one video; all figures of a set follow from the sums of these.

    Attributes:
        hota_tp: (19,) matched boxes at each of HOTA's IoU thresholds.
        hota_fn: (19,) true boxes that are not matched.
        hota_fp: (19,) predicted boxes that are not matched.
        association: (19,) sum over the matched boxes of how well the two tracks agree.
        clear_tp: matched boxes of CLEAR MOT.
        clear_fn: misses.
        clear_fp: false positives.
        switches: times an animal's track changes its number.
        id_tp: boxes with the right identity.
        id_fn: true boxes without it.
        id_fp: predicted boxes without it.
        true_boxes: counted true boxes.
        true_tracks: animals with at least one counted box.
        predicted_tracks: predicted tracks with at least one counted box.
    """

    hota_tp: Float64
    hota_fn: Float64
    hota_fp: Float64
    association: Float64
    clear_tp: int
    clear_fn: int
    clear_fp: int
    switches: int
    id_tp: int
    id_fn: int
    id_fp: int
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
    counts = {
        name: count_tracking(truth, predicted, min_height_px=min_height_px)
        for name, (truth, predicted) in videos.items()
    }
    scores = {name: _to_scores([one]) for name, one in counts.items()}
    return scores, _to_scores(list(counts.values()) or [count_tracking((), ())])


def count_tracking(
    truth: Sequence[Track], predicted: Sequence[Track], *, min_height_px: float = 0
) -> TrackingCounts:
    """Compare the tracks of one video.

    Args:
        truth: annotated tracks, which leave out frames on which the animal is hidden. Those of a crowd do not
            count, nor do predicted boxes that lie mostly within one and follow no single animal.
        predicted: predicted tracks.
        min_height_px: true boxes that are lower, and predicted boxes matched to them, are taken out first.

    Raises:
        UsageError: if TrackEval is not installed.
    """
    data = _trackeval_data(truth, predicted, min_height_px)
    hota, clear, identity = (metric.eval_sequence(data) for metric in build_tracking_metrics())
    return TrackingCounts(
        hota_tp=hota["HOTA_TP"],
        hota_fn=hota["HOTA_FN"],
        hota_fp=hota["HOTA_FP"],
        association=hota["AssA"] * hota["HOTA_TP"],
        clear_tp=int(clear["CLR_TP"]),
        clear_fn=int(clear["CLR_FN"]),
        clear_fp=int(clear["CLR_FP"]),
        switches=int(clear["IDSW"]),
        id_tp=int(identity["IDTP"]),
        id_fn=int(identity["IDFN"]),
        id_fp=int(identity["IDFP"]),
        true_boxes=data["num_gt_dets"],
        true_tracks=data["num_gt_ids"],
        predicted_tracks=data["num_tracker_ids"],
    )


def pool_tracking(counts: Sequence[TrackingCounts], weights: Int64) -> dict[str, Float64]:
    """Figures over a set of videos, for each way to weigh them: counts are added up, shares made of the sums.

    Args:
        counts: of V >= 1 videos.
        weights: (R, V) how often each video counts.

    Returns:
        ``hota``, ``det_a``, ``ass_a``, ``idf1``, ``mota``, ``id_switches``, each to (R,) values; shares are
        nan where there is no true box.
    """

    def total(name: str) -> Any:
        return weights @ np.array([getattr(one, name) for one in counts])

    hits = total("hota_tp")
    det_a = hits / np.maximum(1, hits + total("hota_fn") + total("hota_fp"))
    ass_a = total("association") / np.maximum(1, hits)
    right, missed, wrong = total("id_tp"), total("id_fn"), total("id_fp")
    errors = total("clear_fp") + total("switches")
    shares = {
        "hota": np.sqrt(det_a * ass_a).mean(axis=1),
        "det_a": det_a.mean(axis=1),
        "ass_a": ass_a.mean(axis=1),
        "idf1": right / np.maximum(1, right + (missed + wrong) / 2),
        "mota": (total("clear_tp") - errors) / np.maximum(1, total("true_boxes")),
    }
    known = total("true_boxes") > 0
    figures = {name: np.where(known, share, _NAN) for name, share in shares.items()}
    return figures | {"id_switches": total("switches").astype(np.float64)}


def _to_scores(counts: Sequence[TrackingCounts]) -> TrackingScores:
    figures = pool_tracking(counts, np.ones((1, len(counts)), np.int64))
    shares = ("hota", "det_a", "ass_a", "idf1", "mota")
    return TrackingScores(
        **{name: float(figures[name][0]) for name in shares},
        id_switches=sum(one.switches for one in counts),
        false_positives=sum(one.clear_fp for one in counts),
        misses=sum(one.clear_fn for one in counts),
        true_boxes=sum(one.true_boxes for one in counts),
        true_tracks=sum(one.true_tracks for one in counts),
        predicted_tracks=sum(one.predicted_tracks for one in counts),
    )


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


def within_crowds(track: Track, crowds: Sequence[Track]) -> Bool:
    """(T,) bool: on which of its frames a predicted track lies mostly within a crowd's box."""
    within = np.zeros(len(track), bool)
    for crowd in crowds:
        _, i, j = np.intersect1d(track.frames, crowd.frames, assume_unique=True, return_indices=True)
        within[i] |= paired_share(track.boxes[i], crowd.boxes[j]) > MIN_IOU
    return within


def _count_agreeing(truth: Track, predicted: Track, min_iou: float) -> int:
    _, i, j = np.intersect1d(truth.frames, predicted.frames, assume_unique=True, return_indices=True)
    return int(np.sum(paired_iou(truth.boxes[i], predicted.boxes[j]) >= min_iou))


def build_tracking_metrics() -> tuple[Any, Any, Any]:
    """TrackEval's HOTA, CLEAR and Identity.

    Raises:
        UsageError: if TrackEval is not installed.
    """
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise UsageError(
            "tracking scores need TrackEval: install wildact with its extra 'evaluate', or TrackEval itself "
            "(`pip install trackeval`)."
        ) from error
    quiet = {"THRESHOLD": MIN_IOU, "PRINT_CONFIG": False}
    return HOTA(), CLEAR(quiet), Identity(quiet)


class _Boxes(NamedTuple):
    """Some boxes of one video, by frame.

    Attributes:
        frames: (N,) int64, sorted.
        tracks: (N,) int64, place of the track in the list.
        boxes: (N, 4) float32.
        counted: (N,) bool, whether they count.
    """

    frames: Int64
    tracks: Int64
    boxes: Float32
    counted: Bool

    def at(self, frame: int) -> _Boxes:
        """Those of one frame."""
        here = slice(*np.searchsorted(self.frames, [frame, frame + 1]).tolist())
        return _Boxes(self.frames[here], self.tracks[here], self.boxes[here], self.counted[here])


def _by_frame(tracks: Sequence[Track], counted: Sequence[Bool]) -> _Boxes:
    nothing = np.zeros(0, np.int64)
    frames = np.concatenate([nothing, *(track.frames for track in tracks)])
    order = np.argsort(frames, kind="stable")
    return _Boxes(
        frames[order],
        np.repeat(np.arange(len(tracks)), np.array([len(track) for track in tracks], np.int64))[order],
        np.concatenate([np.zeros((0, 4), np.float32), *(track.boxes for track in tracks)])[order],
        np.concatenate([nothing.astype(bool), *counted])[order],
    )


def _trackeval_data(
    truth: Sequence[Track], predicted: Sequence[Track], min_height_px: float
) -> dict[str, Any]:
    """TrackEval's own form, without truth that does not count and predicted boxes that belong to it.

    Identities are numbered anew: those without a counted box are gone.
    """
    high = [(track.boxes[:, 3] - track.boxes[:, 1] >= min_height_px) & (not track.crowd) for track in truth]
    crowds = [track for track in truth if track.crowd]
    true_boxes = _by_frame(truth, high)
    found_boxes = _by_frame(predicted, [~within_crowds(track, crowds) for track in predicted])
    frames = np.union1d(true_boxes.frames, found_boxes.frames)
    ids: dict[str, list[Int64]] = {"gt": [], "tracker": []}
    similarities: list[Float64] = []
    for frame in frames.tolist():
        true, found = true_boxes.at(frame), found_boxes.at(frame)
        similarity = box_iou(true.boxes, found.boxes).astype(np.float64)
        keep = _find_counted(similarity, true.counted, found.counted)
        ids["gt"].append(true.tracks[true.counted])
        ids["tracker"].append(found.tracks[keep])
        similarities.append(similarity[true.counted][:, keep])
    data: dict[str, Any] = {"num_timesteps": len(frames), "similarity_scores": similarities}
    for who, of_frames in ids.items():
        known = np.unique(np.concatenate(of_frames)) if of_frames else np.zeros(0, np.int64)
        data[f"{who}_ids"] = [np.searchsorted(known, some) for some in of_frames]
        data[f"num_{who}_ids"] = len(known)
        data[f"num_{who}_dets"] = sum(map(len, of_frames))
    return data


def _find_counted(similarity: Float64, counted: Bool, alone: Bool) -> Bool:
    """Which of M predicted boxes of a frame count, as MOTChallenge treats what it calls distractors.

    Args:
        similarity: (N, M) overlap with the N true boxes.
        counted: (N,) which of these count.
        alone: (M,) which predicted boxes count where their best one-to-one partner is no true box.
    """
    rows, columns = linear_sum_assignment(np.where(similarity >= MIN_IOU, similarity, 0), maximize=True)
    matched = similarity[rows, columns] >= MIN_IOU
    keep = alone.copy()
    keep[columns[matched]] = counted[rows[matched]]
    return keep
