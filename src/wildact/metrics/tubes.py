"""Spatio-temporal action detection: right animal, right place, right time and right action, in one figure.

A *tube* is one action of one animal: its box on each frame while the action goes on. Species play no part.

- A true tube is an annotated action: the boxes of its track on the frames of its range.
- A predicted tube is a bout: the boxes of its track on the frames that begin within it. It is as sure as the
  animal and the action together: mean score of the track's detections times score of the bout.

The overlap of two tubes is the overlap of their frames (intersection over union), times the mean overlap of
their boxes on the frames that both have: Saha et al. 2016, Kalogeiton et al. 2017 (ACT).
*Video-mAP* at a threshold: within each video and action, predicted tubes take true ones by falling score;
each takes the free one that it overlaps most, if that is enough, and is a false alarm otherwise. Average
precision is the area under the curve of precision over all videos; mAP is its mean over the actions that
occur.

*Frame-mAP* is AVA's measure (Gu et al. 2018, AVA: A Video Dataset of Spatio-temporally Localized Atomic
Visual Actions): once a second, at its middle, the boxes of that frame are matched alike at an
overlap of 0.5. AVA asks for a score of each action on each box; a bout names one action, so there is one
prediction per box.

What nobody could judge does not count. On a frame where an annotated animal is hidden, lower than
``min_height_px``, in a crowd, or without an annotated action, it has no true box; such frames between its
first and last one count neither for nor against a tube that is compared with it. A predicted tube that takes
no true one is no false alarm if on more than half of its frames it is lower than ``min_height_px`` itself, or
on an animal that is not judged: overlap of at least 0.5 with its box, which is interpolated where the animal
is hidden; or more than half within a crowd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from wildact.boxes import interpolate_boxes, paired_iou
from wildact.labels import ActionLabel
from wildact.metrics.pooling import Matches, mean_known, pool_average_precision
from wildact.metrics.tracking import MIN_IOU, within_crowds
from wildact.types import Bool, Bout, Float32, Float64, Int64, Track

TUBE_IOUS = (0.2, *(round(0.5 + 0.05 * k, 2) for k in range(10)))
FRAME_IOUS = (0.5,)


@dataclass(frozen=True, slots=True)
class Tube:
    """One action of one animal.

    Attributes:
        action: what it does.
        score: how sure that is, in [0, 1]; 1 for truth.
        frames: (T,) int64, strictly increasing, T >= 1.
        boxes: (T, 4) float32 xyxy pixels.
        unjudged: (U,) int64 frames that do not count against a tube that is compared with this true one; for
            a predicted one, its own frames that nobody could judge.
    """

    action: str
    score: float
    frames: Int64
    boxes: Float32
    unjudged: Int64


def true_tubes(
    tracks: Sequence[Track], labels: Sequence[ActionLabel], *, min_height_px: float = 0
) -> list[Tube]:
    """The annotated actions of a video, on the frames where they can be judged; see above."""
    tubes = []
    for track in tracks:
        judged = judged_boxes(track, labels, min_height_px)
        span = np.arange(track.frames[0], track.frames[-1] + 1)
        unjudged = np.setdiff1d(span, track.frames[judged], assume_unique=True)
        for label in labels:
            if label.track_id != track.track_id:
                continue
            keep = judged & (label.start_frame <= track.frames) & (track.frames < label.end_frame)
            if keep.any():
                tubes.append(Tube(label.action, 1.0, track.frames[keep], track.boxes[keep], unjudged))
    return tubes


def judged_boxes(track: Track, labels: Sequence[ActionLabel], min_height_px: float) -> Bool:
    """(T,) bool: on which of its frames one could say whether the animal is found and what it does."""
    labelled = np.zeros(len(track), bool)
    for label in labels:
        if label.track_id == track.track_id:
            labelled |= (label.start_frame <= track.frames) & (track.frames < label.end_frame)
    return labelled & _high(track.boxes, min_height_px) & (not track.crowd)


def predicted_tubes(
    tracks: Sequence[Track],
    bouts: Sequence[Bout],
    times_s: Float64,
    truth: Sequence[Track],
    labels: Sequence[ActionLabel],
    *,
    min_height_px: float = 0,
) -> list[Tube]:
    """The bouts of a video as tubes.

    Args:
        tracks: predicted.
        bouts: of these tracks.
        times_s: (F,) seconds of all frames of the video.
        truth: annotated tracks, to tell what nobody could judge.
        labels: annotated actions.
        min_height_px: lower boxes are not judged.
    """
    tubes = []
    for track in tracks:
        unjudged = _unjudged(track, truth, labels, min_height_px)
        observed = track.scores[track.observed]
        sure = float(observed.mean()) if len(observed) else 0.0
        times = times_s[track.frames]
        for bout in bouts:
            keep = (times >= bout.start_s) & (times < bout.end_s)
            if bout.track_id == track.track_id and keep.any():
                frames = track.frames[keep]
                tubes.append(
                    Tube(bout.action, sure * bout.score, frames, track.boxes[keep], frames[unjudged[keep]])
                )
    return tubes


def match_tubes(truth: Sequence[Tube], predicted: Sequence[Tube], actions: Sequence[str]) -> Matches:
    """Match the tubes of one video; predicted actions that are none of ``actions`` are left out.

    Returns:
        Levels: `TUBE_IOUS`.
    """
    return _match_by_action(truth, predicted, actions, TUBE_IOUS)


def match_action_frames(
    truth: Sequence[Tube], predicted: Sequence[Tube], actions: Sequence[str], fps: Fraction, frames: int
) -> Matches:
    """Match the boxes of one video at the middle of each second.

    Args:
        truth: tubes.
        predicted: tubes.
        actions: names of the classes; predicted actions that are none of them are left out.
        fps: frames per second of the video, exact.
        frames: of the video.

    Returns:
        Level: `FRAME_IOUS`.
    """
    seconds = floor(frames / fps + Fraction(1, 2))
    middles = [floor((second + Fraction(1, 2)) * fps) for second in range(seconds)]
    return join_matches(
        [
            _match_by_action(_at(truth, frame), _at(predicted, frame), actions, FRAME_IOUS)
            for frame in middles
            if frame < frames
        ],
        levels=len(FRAME_IOUS),
        classes=len(actions),
    )


def pool_action_detection(
    tubes: Sequence[Matches], frames: Sequence[Matches], weights: Int64, actions: Sequence[str]
) -> dict[str, Float64]:
    """Video-mAP and frame-mAP for each way to weigh the videos.

    Args:
        tubes: of `match_tubes`, of V videos.
        frames: of `match_action_frames`.
        weights: (R, V) how often each video counts.
        actions: names of the classes.

    Returns:
        ``video_map`` (mean over 0.50, 0.55, ..., 0.95), ``video_map20``, ``video_map50``, ``frame_map50``,
        and ``video_map50_of/ACTION`` and ``frame_map50_of/ACTION``, each to (R,) values.
    """
    video = pool_average_precision(tubes, weights, area=True)
    frame = pool_average_precision(frames, weights, area=True)
    return {
        "video_map20": mean_known(video[:, 0], axis=1),
        "video_map50": mean_known(video[:, 1], axis=1),
        "video_map": mean_known(video[:, 1:], axis=(1, 2)),
        "frame_map50": mean_known(frame[:, 0], axis=1),
        **{f"video_map50_of/{action}": video[:, 1, k] for k, action in enumerate(actions)},
        **{f"frame_map50_of/{action}": frame[:, 0, k] for k, action in enumerate(actions)},
    }


def tube_iou(truth: Tube, predicted: Tube) -> float:
    """Overlap in time times mean overlap in space, in [0, 1]; frames that are not judged do not count."""
    if truth.frames[-1] < predicted.frames[0] or predicted.frames[-1] < truth.frames[0]:
        return 0.0  # most pairs of a long video
    common, i, j = np.intersect1d(truth.frames, predicted.frames, assume_unique=True, return_indices=True)
    if len(common) == 0:
        return 0.0
    judged = len(predicted.frames) - np.isin(predicted.frames, truth.unjudged, assume_unique=True).sum()
    union = judged + len(truth.frames) - len(common)
    return len(common) / int(union) * float(paired_iou(truth.boxes[i], predicted.boxes[j]).mean())


def _match_by_action(
    truth: Sequence[Tube], predicted: Sequence[Tube], actions: Sequence[str], thresholds: Sequence[float]
) -> Matches:
    parts = []
    for label, action in enumerate(actions):
        true = [tube for tube in truth if tube.action == action]
        found = sorted((tube for tube in predicted if tube.action == action), key=lambda tube: -tube.score)
        overlap = np.array([[tube_iou(t, p) for t in true] for p in found]).reshape(len(found), len(true))
        hits = _take(overlap, thresholds)
        excused = np.array([2 * len(tube.unjudged) > len(tube.frames) for tube in found], bool)
        wanted = np.zeros((len(thresholds), len(actions)), np.int64)
        wanted[:, label] = len(true)
        scores = np.array([tube.score for tube in found], np.float64)
        parts.append(Matches(scores, np.full(len(found), label), hits, ~hits & ~excused, wanted))
    return join_matches(parts, levels=len(thresholds), classes=len(actions))


def join_matches(parts: Sequence[Matches], *, levels: int, classes: int) -> Matches:
    """Matches of parts of one video as those of the whole; of no part, empty ones."""
    return Matches(
        np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.labels for part in parts)]),
        np.concatenate([np.zeros((levels, 0), bool), *(part.hits for part in parts)], axis=1),
        np.concatenate([np.zeros((levels, 0), bool), *(part.alarms for part in parts)], axis=1),
        np.sum([np.zeros((levels, classes), np.int64), *(part.wanted for part in parts)], axis=0),
    )


def _take(overlap: Float64, thresholds: Sequence[float]) -> Bool:
    """(L, N) which of N predictions, by falling score, take a true one; ``overlap`` is (N, G)."""
    hits = np.zeros((len(thresholds), len(overlap)), bool)
    for level, threshold in enumerate(thresholds):
        free = overlap.copy()
        for i, row in enumerate(free):
            if row.size and row.max() >= threshold:
                hits[level, i] = True
                free[:, row.argmax()] = -1
    return hits


def _at(tubes: Sequence[Tube], frame: int) -> list[Tube]:
    """One frame of the tubes that have it."""
    cuts = []
    for tube in tubes:
        place = int(np.searchsorted(tube.frames, frame))
        if place < len(tube.frames) and tube.frames[place] == frame:
            one = slice(place, place + 1)
            unjudged = tube.unjudged[tube.unjudged == frame]
            cuts.append(Tube(tube.action, tube.score, tube.frames[one], tube.boxes[one], unjudged))
    return cuts


def _unjudged(
    track: Track, truth: Sequence[Track], labels: Sequence[ActionLabel], min_height_px: float
) -> Bool:
    """(T,) bool: on which frames a predicted track is low, or on an animal that is not judged there.

    Where an animal is hidden, its box is taken to lie between those before and after.
    """
    unjudged = ~_high(track.boxes, min_height_px) | within_crowds(track, [t for t in truth if t.crowd])
    for animal in truth:
        judged = animal.frames[judged_boxes(animal, labels, min_height_px)]
        span = np.arange(animal.frames[0], animal.frames[-1] + 1)
        open_ = np.setdiff1d(span, judged, assume_unique=True)
        _, i, j = np.intersect1d(track.frames, open_, assume_unique=True, return_indices=True)
        boxes = interpolate_boxes(open_[j].astype(np.float32), animal.frames.astype(np.float32), animal.boxes)
        unjudged[i] |= paired_iou(track.boxes[i], boxes) >= MIN_IOU
    return unjudged


def _high(boxes: Float32, min_height_px: float) -> Bool:
    return np.asarray(boxes[:, 3] - boxes[:, 1] >= min_height_px, bool)
