"""Action scores of overlapping clips to bouts: one action at a time, without flicker."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from wildact.types import UNKNOWN, ActionScores, Bout, Float32, Float64

STEP_S = 0.1
"""Resolution of the time line on which clips are combined: finer than actions begin and end."""

LEAST_PROBABLE = 1e-3
"""No network is surer than this that an action is not done: else a single clip would decide."""


def score_timeline(
    actions: ActionScores, start_s: float, end_s: float, *, step_s: float = STEP_S
) -> tuple[Float64, Float32]:
    """Combine overlapping clips into one time line.

    A clip says most of its own middle, so its weight falls linearly to its ends. Where no clip reaches, the
    nearest one counts.

    Args:
        actions: of one track, at least one clip.
        start_s: of the track.
        end_s: of the track.
        step_s: length of a step.

    Returns:
        (N,) float64 start of each step, seconds, and (N, C) float32 probabilities, rows sum to 1.
    """
    count = max(1, round((end_s - start_s) / step_s))
    starts = start_s + np.arange(count) * (end_s - start_s) / count
    middles = starts + (end_s - start_s) / count / 2
    centre = (actions.start_s + actions.end_s) / 2
    half = np.maximum((actions.end_s - actions.start_s) / 2, 1e-6)
    mixed = np.zeros((count, actions.scores.shape[1]))
    total = np.zeros((count, 1))
    for k, (first, last) in enumerate(
        zip(*np.searchsorted(middles, [centre - half, centre + half]), strict=True)
    ):  # clip by clip: all at once, memory would grow with the square of the track's length
        weight = 1 - np.abs(middles[first:last, None] - centre[k]) / half[k]
        mixed[first:last] += weight * actions.scores[k]
        total[first:last] += weight
    for step in np.flatnonzero(total[:, 0] <= 1e-6):
        distance = np.abs(middles[step] - centre) / half
        mixed[step] = actions.scores[distance == distance.min()].mean(axis=0)
        total[step] = 1
    return starts, (mixed / total).astype(np.float32)


def scores_to_bouts(
    actions: ActionScores,
    start_s: float,
    end_s: float,
    *,
    min_probability: float = 0.0,
    inertia_s: float = 1.5,
    min_bout_s: float = 0.6,
) -> tuple[Bout, ...]:
    """Cut a track's time into bouts, with inertia, so that the ethogram does not flicker.

    Of all ways to cut it, the one is taken for which the logarithms of the probabilities, summed over the
    seconds, less ``inertia_s`` for each change, are largest. Bouts shorter than ``min_bout_s`` go to the
    neighbour that is more probable there.

    Args:
        actions: of one track; without any clip there are no bouts.
        start_s: of the track.
        end_s: of the track, exclusive.
        min_probability: a bout whose mean probability is lower is `UNKNOWN`; such neighbours become one.
        inertia_s: what a change must gain: so many seconds for which the new action is e times as probable as
            the old one; a third of them at 20 times.
        min_bout_s: shortest bout, unless the track itself is shorter.

    Returns:
        Bouts in order of time, from ``start_s`` to ``end_s`` without gaps or overlaps; neighbours differ.
    """
    if len(actions.scores) == 0 or end_s <= start_s:
        return ()
    starts, scores = score_timeline(actions, start_s, end_s)
    borders = np.append(starts, end_s)
    labels = _best_path(np.log(np.maximum(scores, LEAST_PROBABLE)) * np.diff(borders)[:, None], inertia_s)
    runs = _hide_doubtful(_merge_short(_runs(labels), scores, borders, min_bout_s), scores, min_probability)
    names, best = (*actions.classes, UNKNOWN), scores.max(axis=1)
    of_label = np.column_stack([scores, best])
    return tuple(
        Bout(
            track_id=actions.track_id,
            action=names[label],
            start_s=float(borders[first]),
            end_s=float(borders[last]),
            score=float(of_label[first:last, label].mean()),
        )
        for first, last, label in runs
    )


def _best_path(gains: Float64, cost: float) -> list[int]:
    """The label of each step for which the sum of gains less the cost of each change is largest (Viterbi).

    Args:
        gains: (N, C) of each label at each step.
        cost: of a change of label.
    """
    sums = np.array(gains[0], np.float64)
    came_from = np.empty(gains.shape, np.int64)
    labels = np.arange(gains.shape[1])
    for step in range(1, len(gains)):
        best = int(sums.argmax())
        changes = sums[best] - cost > sums
        came_from[step] = np.where(changes, best, labels)
        sums = np.where(changes, sums[best] - cost, sums) + gains[step]
    path = [int(sums.argmax())]
    for step in range(len(gains) - 1, 0, -1):
        path.append(int(came_from[step, path[-1]]))
    return path[::-1]


def _runs(labels: list[int]) -> list[tuple[int, int, int]]:
    """(first step, step after the last, label) of each stretch of one label."""
    changes = [0, *(i for i in range(1, len(labels)) if labels[i] != labels[i - 1]), len(labels)]
    return [(a, b, labels[a]) for a, b in pairwise(changes)]


def _hide_doubtful(
    runs: list[tuple[int, int, int]], scores: Float32, min_probability: float
) -> list[tuple[int, int, int]]:
    """Give runs that are not probable enough the label after the last class, and join neighbours."""
    hidden = scores.shape[1]
    steps = [
        label if scores[first:last, label].mean() >= min_probability else hidden
        for first, last, label in runs
        for _ in range(last - first)
    ]
    return _runs(steps)


def _merge_short(
    runs: list[tuple[int, int, int]], scores: Float32, borders: Float64, min_bout_s: float
) -> list[tuple[int, int, int]]:
    """Give the shortest run to a neighbour until none is too short."""
    while len(runs) > 1:
        lengths = [borders[last] - borders[first] for first, last, _ in runs]
        i = int(np.argmin(lengths))
        if lengths[i] >= min_bout_s:
            break
        first, last, _ = runs[i]
        neighbours = [runs[j][2] for j in (i - 1, i + 1) if 0 <= j < len(runs)]
        label = max(neighbours, key=lambda k: float(scores[first:last, k].mean()))
        steps = [k for a, b, k in [*runs[:i], (first, last, label), *runs[i + 1 :]] for _ in range(b - a)]
        runs = _runs(steps)
    return runs
