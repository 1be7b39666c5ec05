"""From the counts of videos to figures with intervals. docs/evaluation.md says what each figure means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wildact.evaluate.annotated import BoutCounts
from wildact.evaluate.video import ChainCounts, TrackCounts
from wildact.metrics import (
    IOU_THRESHOLDS,
    compute_class_rates,
    draw_resamples,
    percentile_interval,
    pool_action_detection,
    pool_detection,
    pool_tracking,
    precision_at_recalls,
)
from wildact.types import Float64, Int64, Light

CURVE_IOUS = (0.5, 0.75)

TITLES = {
    "videos": ("videos", "in the group"),
    "frames": ("frames scored", "two per second, for AP"),
    "animals": ("animals", "annotated tracks that are ever high enough"),
    "box_ap50": ("box AP50", "COCO AP of boxes at IoU 0.50, mean over species"),
    "box_ap75": ("box AP75", "at IoU 0.75"),
    "box_ap": ("box AP", "mean over IoU 0.50, 0.55, …, 0.95"),
    "box_ap_small": ("box AP small", "of animals below 32² square pixels"),
    "box_ap_medium": ("box AP medium", "from there to 96²"),
    "box_ap_large": ("box AP large", "above 96²"),
    "box_ar100": ("box AR", "share found, mean over IoU, whatever the score"),
    "mask_ap50": ("mask AP50", "the same of masks"),
    "mask_ap75": ("mask AP75", "at IoU 0.75"),
    "mask_ap": ("mask AP", "mean over IoU"),
    "mask_ap_small": ("mask AP small", "by area of the mask"),
    "mask_ap_medium": ("mask AP medium", "by area of the mask"),
    "mask_ap_large": ("mask AP large", "by area of the mask"),
    "mask_ar100": ("mask AR", "share found, mean over IoU"),
    "found": ("animals found", "share of animals that a track follows"),
    "false_tracks": ("false tracks", "tracks that follow no animal"),
    "species": ("species right", "share of followed animals with the right name"),
    "named": ("named", "share of followed animals with a name more precise than animal"),
    "names_right": ("names right", "share of those names that are right at their rank"),
    "idf1": ("ID F1", "F1 of boxes with the right identity"),
    "hota": ("HOTA", "higher order tracking accuracy"),
    "det_a": ("DetA", "its part from detection"),
    "ass_a": ("AssA", "its part from association"),
    "mota": ("MOTA", "1 − (misses + false boxes + switches) / true boxes"),
    "id_switches": ("identity switches", "times an animal's track changes"),
    "action_seconds": ("seconds of action", "of followed animals, with an annotated action"),
    "action_top1": ("action top-1", "share of these seconds with the right action"),
    "action_top1_answered": ("action top-1, answered", "share of those of these seconds that a bout covers"),
    "action_top1_of_all": ("action top-1 of all", "share of the seconds of all animals, followed or not"),
    "action_top1_in_place": (
        "action top-1 in place",
        "share of the seconds of tracks, beside the animals on which they lie",
    ),
    "action_mean_class": ("action mean class", "mean of the actions' shares"),
    "video_map50": ("video-mAP50", "whole chain: tubes of action at IoU 0.50"),
    "video_map20": ("video-mAP20", "at IoU 0.20"),
    "video_map": ("video-mAP", "mean over IoU 0.50, 0.55, …, 0.95"),
    "frame_map50": ("frame-mAP50", "boxes with actions once a second, as AVA"),
    "bouts": ("bouts", "annotated, shown to the action network alone"),
    "bout_top1": ("bout top-1", "share of them with the right action"),
    "bout_top5": ("bout top-5", "share with the right action among five"),
    "bout_mean_class": ("bout mean class", "mean of the actions' shares"),
}
"""Figure -> its name for people, and what it is in a few words."""

COUNTS = (
    "videos", "frames", "animals", "box_truth_by_speed", "mask_truth_by_speed", "action_seconds", "bouts",
)  # fmt: skip
"""Figures that describe the data: no intervals."""
WHOLE = (*COUNTS, "false_tracks", "id_switches")
"""Figures that are whole numbers."""


class Figure(NamedTuple):
    """A figure and the interval that holds 95 % of its resamples; nan where there is nothing to score."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class VideoCounts:
    """The counts of one video.

    Attributes:
        light: of the video; None where nobody said.
        chain: of the whole chain; None where it was not run.
        bouts: of the action network on annotated tracks; None where it was not asked.
        recording: videos of one recording (images of one burst) are drawn together for intervals; empty: by
            itself.
    """

    light: Light | None
    chain: ChainCounts | None
    bouts: BoutCounts | None
    recording: str = ""


@dataclass(frozen=True, slots=True)
class GroupScores:
    """The figures of a group of videos.

    Attributes:
        figures: name, or name/CLASS, to the figure; those of tracks and actions are absent where only still
            images were scored.
        seconds: (C, C + 1) confusion of the chain's actions, by seconds of followed animals; None: not run.
        bouts: (C, C + 1) confusion of the action network on annotated bouts; None: not run.
        curves: ``box`` and ``mask`` to (2, S, 101) precision at recalls 0, 0.01, ..., 1 of each species, at
            `CURVE_IOUS`; empty where the chain was not run.
    """

    figures: dict[str, Figure]
    seconds: Int64 | None
    bouts: Int64 | None
    curves: dict[str, Float64]


def score_group(
    videos: Sequence[VideoCounts],
    species: Sequence[str],
    actions: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> GroupScores:
    """Pool videos, as they are and resampled.

    Args:
        videos: at least one.
        species: of the data set.
        actions: of the data set.
        resamples: of recordings, for the intervals; with none, or only one recording, these are nan.
        seed: of the resamples.
    """
    weights = draw_recordings([one.recording for one in videos], resamples, seed)
    chains = [one.chain for one in videos if one.chain is not None]
    bouts = [one.bouts for one in videos if one.bouts is not None]
    pooled: dict[str, Float64] = {"videos": weights.sum(axis=1).astype(np.float64)}
    if chains:
        pooled |= _pool_frames(chains, weights, species)
    tracked = [one.tracks is not None for one in chains]
    tracks = [one.tracks for one in chains if one.tracks is not None]
    if tracks:
        of_tracks = weights[:, tracked]
        pooled |= _pool_tracks(tracks, of_tracks) | _pool_actions(tracks, of_tracks, actions)
    if bouts:
        pooled |= _pool_bouts(bouts, weights, actions)
    return GroupScores(
        figures={name: _figure(name, values) for name, values in pooled.items()},
        seconds=np.sum([one.seconds for one in tracks], axis=0) if tracks else None,
        bouts=np.sum([one.answers for one in bouts], axis=0) if bouts else None,
        curves=_curves(chains) if chains else {},
    )


def draw_recordings(recordings: Sequence[str], resamples: int, seed: int) -> Int64:
    """Draw whole recordings, as `draw_resamples` draws videos.

    Args:
        recordings: of V videos; empty: a video by itself.
        resamples: how many to draw; none where there is only one recording.
        seed: of the draws.

    Returns:
        (1 + resamples, V) int64: how often each video counts; the first row is the data set itself.
    """
    places: dict[object, int] = {}
    units = [places.setdefault(name or number, len(places)) for number, name in enumerate(recordings)]
    return draw_resamples(len(places), resamples if len(places) > 1 else 0, seed)[:, units]


def format_figure(name: str, figure: Figure) -> str:
    """As people read it: whole numbers, or three decimals; a dash for what is unknown."""
    if math.isnan(figure.value):
        return "–"
    return f"{figure.value:.0f}" if name.split("/")[0] in WHOLE else f"{figure.value:.3f}"


def format_interval(name: str, figure: Figure) -> str:
    """``0.71 to 0.79``; empty for what is unknown."""
    if math.isnan(figure.low):
        return ""
    places = 0 if name in WHOLE else 2
    return f"{figure.low:.{places}f} to {figure.high:.{places}f}"


def _figure(name: str, values: Float64) -> Figure:
    nothing = name.split("/")[0] in COUNTS or len(values) == 1 or np.isnan(values[0])
    low, high = (np.nan, np.nan) if nothing else percentile_interval(values[1:])
    return Figure(float(values[0]), low, high)


def _pool_frames(chains: Sequence[ChainCounts], weights: Int64, species: Sequence[str]) -> dict[str, Float64]:
    boxes = pool_detection([one.boxes for one in chains], weights, species)
    masks = [one.masks for one in chains if one.masks is not None]
    figures = {"frames": _total([one.frames for one in chains], weights)}
    figures |= {f"box_{name}": values for name, values in boxes.items()}
    if len(masks) == len(chains):
        figures |= {
            f"mask_{name}": values for name, values in pool_detection(masks, weights, species).items()
        }
    else:
        figures |= {f"mask_{name}": np.full(len(weights), np.nan) for name in boxes}
    return figures


def _pool_tracks(tracks: Sequence[TrackCounts], weights: Int64) -> dict[str, Float64]:
    animals, found, right, named, names_right = (
        _total([getattr(one, name) for one in tracks], weights)
        for name in ("animals", "found", "species_right", "named", "names_right")
    )
    return {
        "animals": animals,
        "found": _share(found, animals),
        "false_tracks": _total([one.false_tracks for one in tracks], weights),
        "species": _share(right, found),
        "named": _share(named, found),
        "names_right": _share(names_right, named),
        **pool_tracking([one.tracking for one in tracks], weights),
    }


def _pool_actions(
    tracks: Sequence[TrackCounts], weights: Int64, actions: Sequence[str]
) -> dict[str, Float64]:
    tables = np.tensordot(weights, np.array([one.seconds for one in tracks]), axes=1)
    unfollowed = np.tensordot(weights, np.array([one.unfollowed for one in tracks]), axes=1)
    in_place = np.tensordot(weights, np.array([one.in_place for one in tracks]), axes=1)
    rates = compute_class_rates(tables)
    seconds = tables.sum(axis=(1, 2)).astype(np.float64)
    right = np.trace(tables, axis1=1, axis2=2)
    return {
        "action_seconds": seconds,
        "action_top1": rates.accuracy,
        "action_top1_answered": _share(right, _total([one.answered for one in tracks], weights)),
        "action_top1_of_all": _share(right, seconds + unfollowed.sum(axis=1)),
        "action_top1_in_place": compute_class_rates(in_place).accuracy,
        "action_mean_class": rates.mean_class_accuracy,
        **{f"action_recall/{action}": rates.recall[:, k] for k, action in enumerate(actions)},
        **{f"action_precision/{action}": rates.precision[:, k] for k, action in enumerate(actions)},
        **pool_action_detection(
            [one.tubes for one in tracks], [one.tube_frames for one in tracks], weights, actions
        ),
    }


def _pool_bouts(bouts: Sequence[BoutCounts], weights: Int64, actions: Sequence[str]) -> dict[str, Float64]:
    tables = np.tensordot(weights, np.array([one.answers for one in bouts]), axes=1)
    rates = compute_class_rates(tables)
    shown = tables.sum(axis=(1, 2)).astype(np.float64)
    return {
        "bouts": shown,
        "bout_top1": rates.accuracy,
        "bout_top5": _share(_total([one.top5 for one in bouts], weights), shown),
        "bout_mean_class": rates.mean_class_accuracy,
        **{f"bout_recall/{action}": rates.recall[:, k] for k, action in enumerate(actions)},
        **{f"bout_precision/{action}": rates.precision[:, k] for k, action in enumerate(actions)},
    }


def _curves(chains: Sequence[ChainCounts]) -> dict[str, Float64]:
    matches = {"box": [one.boxes for one in chains]}
    masks = [one.masks for one in chains if one.masks is not None]
    if len(masks) == len(chains):
        matches["mask"] = masks
    levels = [IOU_THRESHOLDS.index(iou) for iou in CURVE_IOUS]  # animals of all sizes come first
    return {
        name: np.array([precision_at_recalls(of_videos, level) for level in levels])
        for name, of_videos in matches.items()
    }


def _total(counts: Sequence[int], weights: Int64) -> Float64:
    return np.asarray(weights @ np.array(counts, np.int64), np.float64)


def _share(part: Float64 | Int64, whole: Float64) -> Float64:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share
