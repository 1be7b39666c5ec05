"""Figures of a detector on a set of real images, with intervals by bootstrap over bursts or images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from real_sets import RealSet, Truth, group_images

from wildact.metrics import (
    IOU_THRESHOLDS,
    Matches,
    draw_resamples,
    match_detections,
    mean_known,
    percentile_interval,
)
from wildact.metrics.pooling import pool_average_precision
from wildact.types import Detections, Float64, Int64

STEPS = np.round(np.arange(0.01, 1, 0.01), 2)
"""Confidences that are tried."""


class Figure(NamedTuple):
    """A value and the ends of its 95 % interval; nan where there is nothing to measure."""

    value: float
    low: float
    high: float


def match_set(
    real: RealSet, truth: Truth, found: Sequence[Detections], iou_type: Literal["bbox", "segm"]
) -> list[Matches]:
    """Match detections to truth, group by group; levels: `IOU_THRESHOLDS`."""
    matches = []
    of_truth = {int(image): k for k, image in enumerate(truth.images)}
    for images in group_images(real.groups).values():
        images = [image for image in images.tolist() if image in of_truth]
        places = [of_truth[image] for image in images]
        one = match_detections(
            [truth.animals[k] for k in places],
            [found[image] for image in images],
            ("animal",),
            iou_type=iou_type,
            crowds=[truth.crowds[k] for k in places],
        )
        matches.append(_keep_levels(one))
    return matches


def _keep_levels(one: Matches) -> Matches:
    """Without the levels for sizes of animals."""
    levels = slice(0, len(IOU_THRESHOLDS))
    return replace(one, hits=one.hits[levels], alarms=one.alarms[levels], wanted=one.wanted[levels])


def compute_figures(
    real: RealSet,
    found: Sequence[Detections],
    cpu_s: Float64,
    *,
    min_score: float,
    quiet_score: float,
    resamples: int,
) -> dict[str, Figure]:
    """Return the figures of one detector on one set.

    Args:
        real: the set.
        found: animals in each of its images.
        cpu_s: (N,) seconds of processor time for each image.
        min_score: the detector's default confidence.
        quiet_score: the confidence at which few empty frames fire, see `find_quiet_score`.
        resamples: of bursts or images.
    """
    values = compute_values(real, found, min_score=min_score, quiet_score=quiet_score, resamples=resamples)
    return {name: to_figure(some) for name, some in values.items()} | {
        "cpu_s": Figure(float(cpu_s.mean()), float("nan"), float("nan"))
    }


def compute_values(
    real: RealSet, found: Sequence[Detections], *, min_score: float, quiet_score: float, resamples: int
) -> dict[str, Float64]:
    """Return the figures of the set itself, and of each resample: (1 + R,) each; as `compute_figures`."""
    groups = list(group_images(real.groups).values())
    weights = draw_resamples(len(groups), resamples if len(groups) > 1 else 0, 0)
    matches = match_set(real, real.boxes, found, "bbox")
    ap = pool_average_precision(matches, weights)[..., 0]
    hits, alarms = count_above(matches, min_score)
    quiet_hits, _ = count_above(matches, quiet_score)
    wanted = np.array([one.wanted[0, 0] for one in matches])
    fires = np.array([len(d) > 0 and d.scores.max() >= min_score for d in found], bool) & real.empty
    values = {
        "box_ap50": ap[:, 0],
        "box_ap": mean_known(ap, axis=1),
        "recall": _divide(weights @ hits, weights @ wanted),
        "quiet_recall": _divide(weights @ quiet_hits, weights @ wanted),
        "false_boxes": _divide(weights @ alarms, weights @ _sum(groups, np.ones(len(found), np.int64))),
        "empty_fired": _divide(weights @ _sum(groups, fires), weights @ _sum(groups, real.empty)),
    }
    for name, truth in (("mask_ap50", real.masks), ("clean_mask_ap50", real.clean_masks)):
        if truth is not None and all(d.masks is not None for d in found):
            masks = match_set(real, truth, found, "segm")
            values[name] = pool_average_precision(_keep_ap50(masks), weights)[:, 0, 0]
    return values


def to_figure(values: Float64) -> Figure:
    """Return the first value with the interval of the others."""
    return Figure(float(values[0]), *percentile_interval(values[1:]))


def compute_group_ap50(real: RealSet, found: Sequence[Detections]) -> dict[str, float]:
    """Return box AP50 within each group; nan for one without animals."""
    matches = _keep_ap50(match_set(real, real.boxes, found, "bbox"))
    ap50 = pool_average_precision(matches, np.eye(len(matches), dtype=np.int64))[:, 0, 0]
    return dict(zip(group_images(real.groups), ap50.tolist(), strict=True))


def count_above(matches: Iterable[Matches], score: float) -> tuple[Int64, Int64]:
    """Return (G,) hits and (G,) false boxes of at least this score, at IoU 0.5."""
    pairs = [((one.scores >= score) & one.hits[0], (one.scores >= score) & one.alarms[0]) for one in matches]
    return np.array([hits.sum() for hits, _ in pairs]), np.array([alarms.sum() for _, alarms in pairs])


def find_quiet_score(real: RealSet, found: Sequence[Detections], share: float) -> float:
    """Return the smallest confidence at which at most this share of the empty frames fire.

    It lies just above the score of the first detection that would be too much; 0 if there is none, nan
    without empty frames.
    """
    tops = sorted((_top_score(d) for d, empty in zip(found, real.empty, strict=True) if empty), reverse=True)
    if not tops:
        return float("nan")
    allowed = int(share * len(tops) + 1e-9)
    return float(np.nextafter(np.float32(tops[allowed]), np.float32(2))) if allowed < len(tops) else 0.0


def choose_quiet_step(real: RealSet, found: Sequence[Detections], share: float) -> tuple[float, float, float]:
    """Return the smallest of `STEPS` at which at most this share of empty frames fire, that share, recall."""
    tops = np.array([_top_score(d) for d, empty in zip(found, real.empty, strict=True) if empty])
    fired = np.array([(tops >= step).mean() if len(tops) else np.nan for step in STEPS])
    place = int(np.argmax(fired <= share)) if (fired <= share).any() else len(STEPS) - 1
    matches = match_set(real, real.boxes, found, "bbox")
    wanted = sum(int(one.wanted[0, 0]) for one in matches)
    hits = count_above(matches, STEPS[place])[0].sum()
    return float(STEPS[place]), float(fired[place]), float(hits / wanted) if wanted else float("nan")


def choose_f1_step(real: RealSet, found: Sequence[Detections]) -> tuple[float, float]:
    """Return which of `STEPS` has the highest F1 of boxes at IoU 0.5, and that F1."""
    matches = match_set(real, real.boxes, found, "bbox")
    wanted = sum(int(one.wanted[0, 0]) for one in matches)
    counts = [[part.sum() for part in count_above(matches, step)] for step in STEPS]
    f1 = [2 * hits / max(hits + alarms + wanted, 1) for hits, alarms in counts]
    return float(STEPS[int(np.argmax(f1))]), float(max(f1))


def _top_score(found: Detections) -> float:
    return float(found.scores.max()) if len(found) else 0.0


def _keep_ap50(matches: Sequence[Matches]) -> list[Matches]:
    """Only the level of IoU 0.5: the others take time."""
    return [replace(one, hits=one.hits[:1], alarms=one.alarms[:1], wanted=one.wanted[:1]) for one in matches]


def _sum(groups: Sequence[Int64], values: Sequence[int] | Int64) -> Int64:
    return np.array([np.asarray(values)[images].sum() for images in groups], np.int64)


def _divide(parts: Int64, wholes: Int64) -> Float64:
    shares = np.full(len(parts), np.nan)
    np.divide(parts, wholes, out=shares, where=wholes > 0)
    return shares
