"""How much better one detector is than another, on the same videos.

Two figures whose intervals overlap may yet differ beyond doubt: a video that is hard is hard for both. So the
same resamples of videos are scored for both, and the interval is that of the difference: a paired bootstrap
(Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wildact.errors import UsageError
from wildact.evaluate.figures import Figure, draw_recordings
from wildact.evaluate.matches import DatasetMatches
from wildact.evaluate.run import group_by_light
from wildact.metrics import Matches, percentile_interval, pool_detection
from wildact.types import Float64, Int64


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of two evaluations.

    Attributes:
        first: its value.
        second: its value.
        difference: first minus second, and the interval that holds 95 % of it over resamples; nan where there
            is nothing to score, and without interval where that rests on a single video.
    """

    first: float
    second: float
    difference: Figure


def compare_matches(
    first: DatasetMatches, second: DatasetMatches, *, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Comparison]]:
    """Compare all figures of detections: average precision in all, of sizes, speeds and species, and recall.

    Args:
        first: of one detector.
        second: of another one, on the same videos, in any order.
        resamples: of the recordings, for the intervals; 0: no intervals.
        seed: of the resamples.

    Returns:
        ``all``, and each light that occurs, to figure (named as in ``scores.csv``) to its comparison.

    Raises:
        UsageError: if the two are not of the same videos, species and labels, with the same ``--min-height``.
    """
    second = _in_order(second, first)
    comparisons: dict[str, dict[str, Comparison]] = {}
    for group, places in group_by_light(first.lights).items():
        weights = draw_recordings([first.recordings[i] for i in places], resamples, seed)
        comparisons[group] = {}
        for kind, ours, theirs in _kinds(first, second):
            ours, theirs = ([of[i] for i in places] for of in (ours, theirs))
            comparisons[group] |= _compare(kind, ours, theirs, weights, first.species)
    return comparisons


def _kinds(
    first: DatasetMatches, second: DatasetMatches
) -> list[tuple[str, Sequence[Matches], Sequence[Matches]]]:
    """Boxes, and masks where both have them."""
    kinds: list[tuple[str, Sequence[Matches], Sequence[Matches]]] = [("box", first.boxes, second.boxes)]
    if first.masks is not None and second.masks is not None:
        kinds.append(("mask", first.masks, second.masks))
    return kinds


def _compare(
    kind: str, first: Sequence[Matches], second: Sequence[Matches], weights: Int64, species: Sequence[str]
) -> dict[str, Comparison]:
    ours, theirs = (pool_detection(of, weights, species) for of in (first, second))
    return {
        f"{kind}_{name}": Comparison(
            float(ours[name][0]), float(theirs[name][0]), _difference(ours[name] - theirs[name])
        )
        for name in ours
        if not name.startswith("truth_")  # the same for both
    }


def _difference(values: Float64) -> Figure:
    known = len(values) > 1 and not np.isnan(values[0])
    low, high = percentile_interval(values[1:]) if known else (np.nan, np.nan)
    return Figure(float(values[0]), low, high)


def _in_order(other: DatasetMatches, first: DatasetMatches) -> DatasetMatches:
    """``other`` with its videos in the order of ``first``; raises ``UsageError`` where they do not fit."""
    for videos in (first.videos, other.videos):
        if len(set(videos)) < len(videos):
            raise UsageError("an evaluation holds two videos of the same name: they cannot be told apart.")
    odd = sorted(set(first.videos) ^ set(other.videos))
    if odd:
        raise UsageError(
            f"the evaluations are not of the same videos: {odd[0]} is only in one of them; evaluate both on "
            "the same data, with the same --every."
        )
    if first.species != other.species:
        raise UsageError("the evaluations are not of the same species; evaluate both on the same data.")
    if first.min_height_px != other.min_height_px:
        raise UsageError(
            f"the evaluations leave out animals below {first.min_height_px:g} and {other.min_height_px:g}"
            " pixels; evaluate both with the same --min-height."
        )
    order = [other.videos.index(name) for name in first.videos]
    ordered = DatasetMatches(
        species=other.species,
        videos=first.videos,
        lights=tuple(other.lights[i] for i in order),
        recordings=first.recordings,
        boxes=tuple(other.boxes[i] for i in order),
        masks=None if other.masks is None else tuple(other.masks[i] for i in order),
        min_height_px=other.min_height_px,
    )
    for _, ours, theirs in _kinds(first, ordered):
        for name, one, two in zip(first.videos, ours, theirs, strict=True):
            if not np.array_equal(one.wanted, two.wanted):
                raise UsageError(
                    f"the evaluations do not look for the same animals in {name}; evaluate both with "
                    "the same labels and --fps."
                )
    return ordered
