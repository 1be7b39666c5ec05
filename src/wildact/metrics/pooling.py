"""Average precision over any weighting of videos, from detections that were matched to truth once.

Matching is slow, but concerns one video at a time; ranking all detections is fast, but concerns all videos.
So each video is matched once, and its `Matches` are pooled as often as a bootstrap asks. A video's weight is
how often it was drawn: with 2, its detections and its truth count as if the data set held it twice.

References:
    Lin et al. 2014, Microsoft COCO: precision is read at 101 recalls.
    Everingham et al. 2015, The PASCAL VOC Challenge: A Retrospective: the area under the curve.
    In both, precision at a recall is the best that is reached at this recall or a higher one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wildact.types import Bool, Float64, Int64

RECALLS = np.linspace(0, 1, 101)
"""Recalls at which COCO reads precision."""

_CHUNK = 4_000_000  # numbers held at a time: resamples x detections


@dataclass(frozen=True, slots=True)
class Matches:
    """The detections of one video, each a hit, a false alarm or neither, at L levels of strictness.

    Levels are thresholds of overlap, and sizes of animals where these are told apart. A detection that is
    neither belongs to truth that does not count.

    Attributes:
        scores: (N,) float64, higher is surer.
        labels: (N,) int64, which of C classes.
        hits: (L, N) bool.
        alarms: (L, N) bool.
        wanted: (L, C) int64, how much there is to find.
    """

    scores: Float64
    labels: Int64
    hits: Bool
    alarms: Bool
    wanted: Int64


class _Ranking(NamedTuple):
    """The detections of one class in V videos, by falling score.

    Attributes:
        videos: (N,) int64, the video of each.
        hits: (L, N) bool.
        alarms: (L, N) bool.
        wanted: (V, L) int64.
    """

    videos: Int64
    hits: Bool
    alarms: Bool
    wanted: Int64


def pool_average_precision(matches: Sequence[Matches], weights: Int64, *, area: bool = False) -> Float64:
    """Average precision of each class at each level, for each way to weigh the videos.

    Args:
        matches: of V >= 1 videos, with the same levels and classes.
        weights: (R, V) how often each video counts.
        area: area under the curve of precision (PASCAL VOC) instead of its mean at 101 recalls (COCO).

    Returns:
        (R, L, C) float64 in [0, 1]; nan where there is nothing to find.
    """
    levels, classes = matches[0].wanted.shape
    pooled = np.full((len(weights), levels, classes), np.nan)
    for label in range(classes):
        ranking = _rank(matches, label)
        wanted = weights @ ranking.wanted
        for rows in _chunks(len(weights), len(ranking.videos)):
            drawn = weights[rows][:, ranking.videos]
            for level in np.flatnonzero(ranking.wanted.any(axis=0)).tolist():
                recall, precision = _curve(ranking, level, drawn, wanted[rows, level])
                steps = recall if area else np.searchsorted(RECALLS, recall, side="right") / len(RECALLS)
                pooled[rows, level, label] = (precision * np.diff(steps, prepend=0.0, axis=1)).sum(axis=1)
        pooled[:, :, label][wanted == 0] = np.nan
    return pooled


def pool_recall(matches: Sequence[Matches], weights: Int64) -> Float64:
    """(R, L, C) share of what there is to find that is found, whatever the score; arguments as above."""
    levels, classes = matches[0].wanted.shape
    found = np.zeros((len(matches), levels, classes), np.int64)
    for video, one in enumerate(matches):
        for label in range(classes):
            found[video, :, label] = one.hits[:, one.labels == label].sum(axis=1)
    wanted = np.tensordot(weights, np.array([one.wanted for one in matches]), axes=1)
    shares = np.full(wanted.shape, np.nan)
    np.divide(np.tensordot(weights, found, axes=1), wanted, out=shares, where=wanted > 0)
    return shares


def precision_at_recalls(matches: Sequence[Matches], level: int) -> Float64:
    """The curve to draw: precision of each class at `RECALLS`, every video counted once.

    Returns:
        (C, 101) float64; 0 beyond the recall that is reached, nan where there is nothing to find.
    """
    classes = matches[0].wanted.shape[1]
    curves = np.full((classes, len(RECALLS)), np.nan)
    for label in range(classes):
        ranking = _rank(matches, label)
        wanted = ranking.wanted[:, level].sum(keepdims=True)
        if wanted[0]:
            recall, precision = _curve(ranking, level, np.ones((1, len(ranking.videos)), np.int64), wanted)
            places = np.searchsorted(recall[0], RECALLS, side="left")
            curves[label] = np.append(precision[0], 0.0)[places]
    return curves


def mean_known(values: Float64, axis: int | tuple[int, ...]) -> Float64:
    """Mean over the values that are not nan; nan where all are."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    mean = np.full(count.shape, np.nan)
    np.divide(np.where(known, values, 0).sum(axis=axis), count, out=mean, where=count > 0)
    return mean


def _rank(matches: Sequence[Matches], label: int) -> _Ranking:
    chosen = [np.flatnonzero(one.labels == label) for one in matches]

    def join(name: str) -> Any:
        return np.concatenate(
            [getattr(one, name)[..., i] for one, i in zip(matches, chosen, strict=True)], axis=-1
        )

    order = np.argsort(-join("scores"), kind="stable")  # as COCO: of equal scores, the earlier video first
    return _Ranking(
        videos=np.repeat(np.arange(len(matches)), [len(i) for i in chosen])[order],
        hits=join("hits")[:, order],
        alarms=join("alarms")[:, order],
        wanted=np.array([one.wanted[:, label] for one in matches]),
    )


def _curve(ranking: _Ranking, level: int, drawn: Int64, wanted: Int64) -> tuple[Float64, Float64]:
    """Recall and precision after each of P hits; recall rises nowhere else.

    Args:
        ranking: of one class.
        level: which one.
        drawn: (R, N) how often each detection counts.
        wanted: (R,) how much there is to find.

    Returns:
        Twice (R, P): recall reached, and the best precision there or further on.
    """
    hits, alarms = np.flatnonzero(ranking.hits[level]), np.flatnonzero(ranking.alarms[level])
    right = np.cumsum(drawn[:, hits], axis=1)
    wrong = np.zeros((len(drawn), len(alarms) + 1), np.int64)
    np.cumsum(drawn[:, alarms], axis=1, out=wrong[:, 1:])
    wrong = wrong[:, np.searchsorted(alarms, hits)]
    precision = right / (wrong + right + np.spacing(1))  # as COCO's own code has it
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return right / np.maximum(wanted, 1)[:, None], best


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    size = max(1, _CHUNK // max(columns, 1))
    return (slice(first, first + size) for first in range(0, rows, size))
