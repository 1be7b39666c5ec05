"""Score a network on labelled videos while it is trained, and keep the best weights.

The measures are quick relatives of those that ``wildact evaluate`` computes: a detector is scored on frames,
an action network on the clip in the middle of each labelled bout.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback

from wildact.clip import ClipPlan, cut_clips, frames_needed, plan_clips_at
from wildact.datasets import Dataset, labels_at
from wildact.decode import VideoReader
from wildact.detect import Detector, predict_detections
from wildact.metrics import compute_class_scores, compute_detection_ap
from wildact.pipeline import keep_at
from wildact.recognize import Recognizer, predict_actions
from wildact.train.log import VALIDATION
from wildact.train.recognition import find_moments
from wildact.train.visits import read_frames
from wildact.types import Clip, LabelledVideo
from wildact.weights import WeightCard

FPS = Fraction(1)
"""Frames per second on which a detector is scored: neighbouring frames are nearly the same picture."""

MEASURES = {"detector": "mask_ap", "recognizer": "mean_class_accuracy"}
"""The score by which the best weights are chosen."""


class Validation(Callback):
    """Scores the network every so many iterations, also after the last one, and hands out improved weights.

    Attributes:
        best: scores of the best weights so far, with their iteration; empty before the first validation.
    """

    def __init__(
        self, dataset: Dataset, card: WeightCard, *, every: int, save: Callable[[dict[str, float]], None]
    ) -> None:
        """Plan validations.

        Args:
            dataset: labelled videos that are not trained on.
            card: of the network.
            every: iterations from one validation to the next.
            save: called with the scores, by the first process alone, when the weights are the best so far.
        """
        self.dataset, self.card, self.every, self.save = dataset, card, every, save
        self.best: dict[str, float] = {}

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Validate where it is due."""
        done = trainer.global_step
        if done % self.every and done != trainer.max_steps:
            return
        if trainer.is_global_zero:
            scores = score_network(pl_module.model, self.card, self.dataset, str(pl_module.device))
            for logger in trainer.loggers:
                logger.log_metrics({f"{VALIDATION}{k}": v for k, v in scores.items()}, done - 1)
            measure = MEASURES[self.card.kind]
            if not self.best or scores[measure] > self.best[measure] or math.isnan(self.best[measure]):
                self.best = {"iteration": done, **scores}
                self.save(self.best)
        trainer.strategy.barrier()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a checkpoint kept."""
        self.best = state_dict["best"]


def score_network(model: Any, card: WeightCard, dataset: Dataset, device: str) -> dict[str, float]:
    """Scores of a network that is being trained; the network itself is left as it is.

    Returns:
        Of a detector ``box_ap``, ``box_ap50``, ``mask_ap``, ``mask_ap50``; of an action network ``accuracy``
        and ``mean_class_accuracy``.
    """
    if card.kind == "detector":
        return _score_detector(Detector.from_model(copy.deepcopy(model), card, device=device), dataset)
    return _score_recognizer(Recognizer.from_model(copy.deepcopy(model), card, device=device), dataset)


def _score_detector(detector: Detector, dataset: Dataset) -> dict[str, float]:
    truth, found = [], []
    for video in dataset.videos:
        with VideoReader(video.info.path) as reader:
            for frame in reader.frames(keep_at(FPS)):
                truth.append(labels_at(video, frame.index, detector.classes))
                found += predict_detections(detector, [frame.image])
    boxes = compute_detection_ap(truth, found, detector.classes, iou_type="bbox")
    masks = compute_detection_ap(truth, found, detector.classes, iou_type="segm")
    return {
        "box_ap": boxes.ap,
        "box_ap50": boxes.ap50,
        "mask_ap": masks.ap,
        "mask_ap50": masks.ap50,
    }


def _score_recognizer(recognizer: Recognizer, dataset: Dataset) -> dict[str, float]:
    truth: list[str] = []
    predicted: list[str] = []
    for video in dataset.videos:
        actions, clips = [], []
        for action, clip in _middle_clips(video, recognizer):
            actions.append(action)
            clips.append(clip)
        for row in predict_actions(recognizer, clips):
            truth.append(actions[row.track_id])
            predicted.append(row.classes[int(np.argmax(row.scores[0]))])
    scores = compute_class_scores(truth, predicted, dataset.actions)
    return {"accuracy": scores.accuracy, "mean_class_accuracy": scores.mean_class_accuracy}


def _middle_clips(video: LabelledVideo, recognizer: Recognizer) -> Iterator[tuple[str, Clip]]:
    """The action and the middle clip of each labelled bout, numbered by the clip's ``track_id``."""
    times_s = np.arange(video.info.frames or 0) / float(video.info.fps)
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
        )
        plans.append(replace(plan, track_id=len(plans)))
        actions.append(moments.action)
    frames = read_frames(video, frames_needed(plans))
    for clip in cut_clips(plans, (frames[index] for index in sorted(frames)), size=recognizer.size):
        yield actions[clip.track_id], clip
