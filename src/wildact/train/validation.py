"""Score a network on labelled videos while it is trained, and keep the best weights.

The measures are quick relatives of those that ``wildact evaluate`` computes: a detector is scored on frames,
an action network on the clip in the middle of each labelled bout.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from torch import nn

from wildact.clip import ClipPlan, plan_clips_at
from wildact.datasets import Dataset, truth_at
from wildact.datasets.frames import mask_truth_at
from wildact.decode import VideoReader
from wildact.detect import Detector, wrap_model
from wildact.labels import LabelledVideo
from wildact.metrics import (
    Matches,
    choose_min_probability,
    compute_class_rates,
    draw_resamples,
    match_detections,
    percentile_interval,
    pool_detection,
    tabulate_answers,
)
from wildact.pipeline import keep_at
from wildact.recognize import Recognizer, predict_actions
from wildact.train.log import VALIDATION
from wildact.train.recognition import cut_decodable, find_moments
from wildact.types import Bool, Clip, Detections, Float64, Int64
from wildact.weights import WeightCard

FPS = Fraction(1)
"""Frames per second on which a detector is scored: neighbouring frames are nearly the same picture."""

CONTEXT_FPS = Fraction(10)
"""Frames per second that a detector of video is shown, as in an analysis."""

RESAMPLES = 1000

_logger = logging.getLogger(__name__)

Truth = tuple[Detections, Bool]
"""What is to be found on a frame, and which of it are ignore regions."""

MEASURES = {"detector": "mask_ap", "recognizer": "mean_class_accuracy"}
"""The score by which the best weights are chosen."""


class Validation(Callback):
    """Scores the network every so many iterations, also after the last one, and hands out improved weights.

    Attributes:
        best: scores of the best weights so far, each (value, low, high); empty before the first validation.
        iteration: after which these were the weights.
    """

    def __init__(
        self,
        dataset: Dataset,
        card: WeightCard,
        *,
        every: int,
        save: Callable[[nn.Module, dict[str, float]], None],
    ) -> None:
        """Plan validations.

        Args:
            dataset: labelled videos that are not trained on.
            card: of the network.
            every: iterations from one validation to the next.
            save: called with the network and its scores, by the first process alone, when it is the best so
                far.
        """
        self.dataset, self.card, self.every = dataset, card, every
        self.save = save
        self.best: dict[str, tuple[float, ...]] = {}
        self.iteration = 0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Validate where it is due."""
        done = trainer.global_step
        if done % self.every and done != trainer.max_steps:
            return
        if trainer.is_global_zero:
            model: Any = pl_module.model
            scores = score_network(model, self.card, self.dataset, str(pl_module.device))
            for logger in trainer.loggers:
                logger.log_metrics({f"{VALIDATION}{k}": v.value for k, v in scores.items()}, done - 1)
            measure, best = MEASURES[self.card.kind], self.best
            if math.isnan(scores[measure].value) and self.card.kind == "detector":
                measure = "box_ap"  # nothing to validate on has a mask
            if not best or math.isnan(best[measure][0]) or scores[measure].value > best[measure][0]:
                self.best, self.iteration = {name: tuple(score) for name, score in scores.items()}, done
                self.save(model, {name: score.value for name, score in scores.items()})
        trainer.strategy.barrier()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self.best, "iteration": self.iteration}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a checkpoint kept."""
        self.best, self.iteration = state_dict["best"], state_dict["iteration"]


class Score(NamedTuple):
    """A score, and the interval that holds 95 % of its resamples by video; nan where nothing can be said."""

    value: float
    low: float
    high: float


def score_network(model: Any, card: WeightCard, dataset: Dataset, device: str) -> dict[str, Score]:
    """Scores of a network that is being trained; the network itself is left as it is.

    Returns:
        Of a detector ``box_ap``, ``box_ap50``, ``mask_ap``, ``mask_ap50``; of an action network ``accuracy``,
        ``mean_class_accuracy`` and, without an interval, ``min_probability`` for the card.
    """
    resamples = RESAMPLES if len(dataset.videos) > 1 else 0  # of one video nothing can be said
    weights = draw_resamples(len(dataset.videos), resamples, seed=0)
    if card.kind == "detector":
        detector = wrap_model(model, card, device=device)
        resampled = _score_detector(detector, dataset, weights)
    else:
        recognizer = Recognizer.from_model(copy.deepcopy(model), card, device=device)
        resampled = _score_recognizer(recognizer, dataset, weights)
    return {
        name: Score(float(values[0]), *percentile_interval(values[1:])) for name, values in resampled.items()
    }


def _score_detector(detector: Detector, dataset: Dataset, weights: Int64) -> dict[str, Float64]:
    """Score boxes, and masks on the frames that have some."""
    boxes, masks = [], []
    for video in dataset.videos:
        frames = _detect(video, detector)
        boxes.append(match_frames([(boxed, found) for boxed, _, found in frames], detector.classes, "bbox"))
        masked = [(truth, found) for _, truth, found in frames if truth is not None]
        masks.append(match_frames(masked, detector.classes, "segm"))
    scores: dict[str, Float64] = {}
    for name, matches in (("box", boxes), ("mask", masks)):
        figures = pool_detection(matches, weights, detector.classes)
        scores |= {f"{name}_{key}": figures[key] for key in ("ap", "ap50")}
    return scores


def match_frames(
    frames: Sequence[tuple[Truth, Detections]], classes: Sequence[str], iou_type: Literal["bbox", "segm"]
) -> Matches:
    """Match the detections of a video's frames with their truth."""
    return match_detections(
        [truth for (truth, _), _ in frames],
        [found for _, found in frames],
        classes,
        iou_type=iou_type,
        crowds=[crowds for (_, crowds), _ in frames],
    )


def _detect(video: LabelledVideo, detector: Detector) -> list[tuple[Truth, Truth | None, Detections]]:
    """Return boxes and masks to be found, and detections, of `FPS` frames per second."""
    frames = []
    scored = keep_at(FPS)
    size = (video.info.width, video.info.height)
    with VideoReader(video.info.path) as reader:
        shown = reader.frames(keep_at(CONTEXT_FPS if detector.temporal else FPS))
        for frame, found in detector.stream(shown, wanted=lambda frame: scored(frame.index, frame.time)):
            boxed = truth_at(video.tracks, frame.index, detector.classes)
            masked = mask_truth_at(video.tracks, frame.index, detector.classes, size)
            frames.append((boxed, masked, found))
    return frames


def _score_recognizer(recognizer: Recognizer, dataset: Dataset, weights: Int64) -> dict[str, Float64]:
    videos = [_answer_middles(video, recognizer) for video in dataset.videos]
    tables = [
        tabulate_answers([true for true, _, _ in one], [answer for _, answer, _ in one], recognizer.classes)
        for one in videos
    ]
    rates = compute_class_rates(np.tensordot(weights, np.array(tables), axes=1))
    answers = [answer for one in videos for answer in one]
    sure = choose_min_probability(
        np.array([probability for _, _, probability in answers], np.float64),
        np.ones(len(answers)),
        np.array([true == answer for true, answer, _ in answers], np.float64),
    )
    return {
        "accuracy": rates.accuracy,
        "mean_class_accuracy": rates.mean_class_accuracy,
        "min_probability": np.array([sure]),
    }


def _answer_middles(video: LabelledVideo, recognizer: Recognizer) -> list[tuple[str, str, float]]:
    """Return action, answer and its probability for the clip in the middle of each labelled bout."""
    shown = _middle_clips(video, recognizer)  # in the order in which they end
    scores = {row.track_id: row.scores[0] for row in predict_actions(recognizer, [clip for _, clip in shown])}
    answers = [(action, scores[clip.track_id]) for action, clip in shown]
    return [(action, recognizer.classes[row.argmax()], float(row.max())) for action, row in answers]


def _middle_clips(video: LabelledVideo, recognizer: Recognizer) -> list[tuple[str, Clip]]:
    """The action and the middle clip of each labelled bout, numbered by the clip's ``track_id``."""
    times_s = video.times_s
    plans: list[ClipPlan] = []
    actions = []
    for moments in find_moments(video):
        middle_s = times_s[moments.frames[len(moments.frames) // 2]]
        (plan,) = plan_clips_at(
            moments.track,
            times_s,
            np.array([middle_s - recognizer.clip_s / 2]),
            num_frames=recognizer.num_frames,
            rate=recognizer.rate,
            context=recognizer.context,
            own_aspect=recognizer.own_aspect,
        )
        plans.append(replace(plan, track_id=len(plans)))
        actions.append(moments.action)
    clips = cut_decodable(video, plans, size=recognizer.size)
    if len(clips) < len(plans):
        _logger.warning(
            "%s: %d of %d bouts are not scored, for frames of them cannot be decoded.",
            *(video.info.path, len(plans) - len(clips), len(plans)),
        )
    return [(actions[clip.track_id], clip) for clip in clips]
