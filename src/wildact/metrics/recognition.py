"""Accuracy of names: species of tracks, actions of clips, actions of each second of a track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from wildact.boxes import box_iou
from wildact.labels import ActionLabel
from wildact.metrics.tracking import MIN_IOU
from wildact.types import Bout, Float32, Float64, Int64, Track

NAMED_RIGHT = 0.9
"""Share of what is named that shall be right; less probable answers are unknown."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How often the right one of C classes was named; ``nan`` where nothing can be said.

    Attributes:
        classes: C names.
        confusion: (C, C) int64, rows: truth, columns: answer.
        other: (C,) int64, by truth: no answer, or one that is not among the classes.
        accuracy: share of right answers (top-1), in [0, 1].
        mean_class_accuracy: mean of ``recall`` over the classes that occur in the truth, in [0, 1].
        precision: (C,) float64, right answers among all answers of the class; nan for classes never answered.
        recall: (C,) float64, right answers among all truth of the class; nan for classes without truth.
    """

    classes: tuple[str, ...]
    confusion: Int64
    other: Int64
    accuracy: float
    mean_class_accuracy: float
    precision: Float64
    recall: Float64


@dataclass(frozen=True, slots=True)
class ActionSeconds:
    """True and predicted action of each second of one animal's track.

    Attributes:
        seconds: (S,) int64, the second ``[n, n + 1)`` of the video.
        truth: S actions.
        predicted: S actions; None where no predicted bout covers the second.
    """

    seconds: Int64
    truth: tuple[str, ...]
    predicted: tuple[str | None, ...]

    def covered(self) -> ActionSeconds:
        """Only the seconds for which there is a prediction."""
        keep = [i for i, action in enumerate(self.predicted) if action is not None]
        return ActionSeconds(
            seconds=self.seconds[keep],
            truth=tuple(self.truth[i] for i in keep),
            predicted=tuple(self.predicted[i] for i in keep),
        )

    @property
    def accuracy(self) -> float:
        """Share of seconds with the right action; without a prediction it is wrong; nan without seconds."""
        right = [t == p for t, p in zip(self.truth, self.predicted, strict=True)]
        return _divide(sum(right), len(right))


class ClassRates(NamedTuple):
    """The shares of `ClassScores`, of any number of tables at once.

    Attributes:
        accuracy: (...,) share of right answers.
        mean_class_accuracy: (...,) mean of ``recall`` over the classes that occur in the truth.
        precision: (..., C).
        recall: (..., C).
    """

    accuracy: Float64
    mean_class_accuracy: Float64
    precision: Float64
    recall: Float64


def compute_top_k(truth: Int64, scores: Float32, k: int) -> float:
    """Share of samples whose true class is among the ``k`` highest scores; nan without samples.

    Args:
        truth: (N,) indices of classes.
        scores: (N, C), higher is better; of equal scores the class that comes first ranks higher.
        k: if there are fewer than ``k`` classes, every sample is right.
    """
    top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return _divide(int(np.sum(top == truth[:, None])), len(truth))


def choose_min_probability(
    probabilities: Float64, seconds: Float64, right_s: Float64, *, precision: float = NAMED_RIGHT
) -> float:
    """Choose the probability below which an answer is better not given.

    Args:
        probabilities: (N,) of each answer, in [0, 1].
        seconds: (N,) that each answer stands for.
        right_s: (N,) seconds of them for which it is right.
        precision: share of the seconds with an answer that shall be right.

    Returns:
        The smallest probability for which that holds of all answers at least as probable, rounded down to
        three decimals; 1 where there is none, or no answer at all.
    """
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    share = np.cumsum(right_s[order]) / np.maximum(np.cumsum(seconds[order]), 1e-9)
    last_of_equals = np.append(ordered[1:] < ordered[:-1], True)[: len(ordered)]
    good = np.flatnonzero((share >= precision) & last_of_equals)
    return float(np.floor(ordered[good[-1]] * 1000) / 1000) if len(good) else 1.0


def compute_class_scores(
    truth: Sequence[str], predicted: Sequence[str | None], classes: Sequence[str]
) -> ClassScores:
    """Compare names.

    Args:
        truth: N names.
        predicted: N names; None: no answer. Answers that are not among the classes are wrong.
        classes: all names that the truth can have.

    Raises:
        ValueError: if a true name is not among the classes, or the lengths differ.
    """
    table = tabulate_answers(truth, predicted, classes)
    rates = compute_class_rates(table)
    return ClassScores(
        classes=tuple(classes),
        confusion=table[:, :-1],
        other=table[:, -1],
        accuracy=float(rates.accuracy),
        mean_class_accuracy=float(rates.mean_class_accuracy),
        precision=rates.precision,
        recall=rates.recall,
    )


def tabulate_answers(truth: Sequence[str], predicted: Sequence[str | None], classes: Sequence[str]) -> Int64:
    """Count answers: (C, C + 1), rows truth, columns answers, the last one any other answer or none.

    Arguments and errors as of `compute_class_scores`.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"{len(predicted)} answers for {len(truth)} true names")
    unknown = set(truth) - set(classes)
    if unknown:
        raise ValueError(f"{sorted(unknown)} are not among the classes {list(classes)}")
    index = {name: i for i, name in enumerate(classes)}
    table = np.zeros((len(classes), len(classes) + 1), np.int64)
    for true, answer in zip(truth, predicted, strict=True):
        table[index[true], -1 if answer is None else index.get(answer, -1)] += 1
    return table


def compute_class_rates(tables: Int64) -> ClassRates:
    """Shares of right answers, from (..., C, C + 1) tables of `tabulate_answers`."""
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    wanted, given = tables.sum(axis=-1), tables[..., :-1].sum(axis=-2)
    recall = _divide_each(right, wanted)
    known = ~np.isnan(recall)
    return ClassRates(
        accuracy=_divide_each(right.sum(axis=-1), wanted.sum(axis=-1)),
        mean_class_accuracy=_divide_each(np.where(known, recall, 0).sum(axis=-1), known.sum(axis=-1)),
        precision=_divide_each(right, given),
        recall=recall,
    )


def compute_action_seconds(
    labels: Sequence[ActionLabel],
    track: Track,
    fps: Fraction,
    bouts: Sequence[Bout],
    predicted_id: int | None,
) -> ActionSeconds:
    """Compare actions second by second of the video.

    A second counts if its centre lies between the animal's first and last visible frame and its action at
    that moment is annotated. It is compared with the predicted bout that covers its centre.

    Args:
        labels: annotated actions of the video; those of other tracks are left out.
        track: the annotated track.
        fps: frames per second of the video, exact.
        bouts: predicted bouts of the video; those of other tracks are left out.
        predicted_id: of the predicted track that follows the animal; None: there is none.
    """
    moments = _middles(track, fps)
    true = {second: _action_at(labels, track.track_id, frame) for second, frame in moments.items()}
    return _compare(true, bouts, predicted_id)


def compute_actions_in_place(
    labels: Sequence[ActionLabel],
    tracks: Sequence[Track],
    fps: Fraction,
    bouts: Sequence[Bout],
    predicted: Track,
) -> ActionSeconds:
    """Compare the actions of a predicted track, second by second, with those of the animals on which it lies.

    A second counts if at its centre the track has a box, this overlaps with that of an animal by `MIN_IOU`
    or more, and what that animal does then is annotated: who it is, and whom the track followed before, plays
    no part.

    Args:
        labels: annotated actions of the video.
        tracks: the annotated tracks that may be found.
        fps: frames per second of the video, exact.
        bouts: predicted bouts of the video; those of other tracks are left out.
        predicted: the predicted track.
    """
    true: dict[int, str | None] = {}
    for second, frame in _middles(predicted, fps).items():
        if (place := predicted.place_of(frame)) is None:
            continue
        there = [(track, at) for track in tracks if (at := track.place_of(frame)) is not None]
        boxes = np.array([track.boxes[at] for track, at in there], np.float32).reshape(-1, 4)
        overlaps = box_iou(predicted.boxes[place][None], boxes)[0]
        if len(there) and overlaps.max() >= MIN_IOU:
            animal, _ = there[int(overlaps.argmax())]
            true[second] = _action_at(labels, animal.track_id, frame)
    return _compare(true, bouts, predicted.track_id)


def _middles(track: Track, fps: Fraction) -> dict[int, int]:
    """The seconds whose centres lie within a track, each with its frame there."""
    start_s, end_s = int(track.frames[0]) / fps, (int(track.frames[-1]) + 1) / fps
    half = Fraction(1, 2)
    return {
        second: floor((second + half) * fps) for second in range(ceil(start_s - half), ceil(end_s - half))
    }


def _action_at(labels: Sequence[ActionLabel], track_id: int, frame: int) -> str | None:
    return next(
        (
            label.action
            for label in labels
            if label.track_id == track_id and label.start_frame <= frame < label.end_frame
        ),
        None,
    )


def _compare(
    true: Mapping[int, str | None], bouts: Sequence[Bout], predicted_id: int | None
) -> ActionSeconds:
    """True actions by second, those that are known, beside the bouts of a predicted track."""
    known = {second: action for second, action in true.items() if action is not None}
    bouts = [bout for bout in bouts if bout.track_id == predicted_id]
    return ActionSeconds(
        seconds=np.array(list(known), np.int64),
        truth=tuple(known.values()),
        predicted=tuple(
            next((b.action for b in bouts if b.start_s <= second + 0.5 < b.end_s), None) for second in known
        ),
    )


def _divide(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _divide_each(part: Int64 | Float64, whole: Int64) -> Float64:
    shares = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=shares, where=np.asarray(whole > 0))
    return shares
