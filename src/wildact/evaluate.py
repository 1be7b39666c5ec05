"""Score the whole chain on a labelled data set: detector, tracks, species, actions; in all and by light.

The detector is scored on single frames, as it left the network; everything else on what a user gets: the
tracks and bouts of `wildact.pipeline`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch

from wildact.datasets import Dataset
from wildact.decode import VideoReader
from wildact.detect import Detector, predict_detections
from wildact.errors import DatasetError
from wildact.metrics import (
    ActionSeconds,
    compute_action_seconds,
    compute_class_scores,
    compute_detection_ap,
    compute_tracking_scores,
    match_tracks,
)
from wildact.pipeline import AnalysisSettings, Models, analyze_video, keep_at, load_models
from wildact.types import Detections, LabelledVideo, Rle, Track, VideoResult

AP_FPS = Fraction(2)
"""Frames per second on which detections are scored: neighbouring frames are nearly the same picture."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Results on a set of videos; shares in [0, 1], ``nan`` where there is nothing to score.

    Attributes:
        videos: how many.
        frames: on which detections were scored.
        animals: annotated tracks, counting those that are ever high enough.
        box_ap: COCO AP of boxes.
        box_ap50: at IoU 0.5.
        mask_ap: COCO AP of masks.
        mask_ap50: at IoU 0.5.
        found: share of annotated tracks that a predicted track follows.
        false_tracks: predicted tracks that follow no animal.
        species: share of followed tracks with the right species.
        idf1: F1 of boxes with the right identity.
        hota: higher order tracking accuracy.
        mota: multiple object tracking accuracy.
        action_seconds: seconds of followed tracks with a labelled action.
        action_top1: share of them with the right action.
        action_mean_class: mean over the actions.
        action_recall: action -> share of its seconds that were recognised.
    """

    videos: int
    frames: int
    animals: int
    box_ap: float
    box_ap50: float
    mask_ap: float
    mask_ap50: float
    found: float
    false_tracks: int
    species: float
    idf1: float
    hota: float
    mota: float
    action_seconds: int
    action_top1: float
    action_mean_class: float
    action_recall: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Scored:
    """One video: its truth, and what was found."""

    video: LabelledVideo
    tall: tuple[Track, ...]
    result: VideoResult
    true_frames: list[Detections]
    found_frames: list[Detections]


def evaluate_models(
    dataset: Dataset,
    models: Models,
    settings: AnalysisSettings,
    *,
    min_height_px: float = 24,
    workers: int = 1,
    on_video: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Scores]:
    """Score two networks and all between them.

    Args:
        dataset: with videos.
        models: from `wildact.pipeline.load_models`.
        settings: of the analysis.
        min_height_px: animals whose visible box is lower are neither wanted nor wrong to find.
        workers: processes, each with networks of its own; 1: this one.
        on_video: called with the number of videos done and their total.

    Returns:
        ``"all"``, and each light that occurs, to its scores.

    Raises:
        DatasetError: if there is no video, or the networks name other species than the data set.
    """
    if not dataset.videos:
        raise DatasetError(f"{dataset.root} holds no video.")
    if missing := set(dataset.species) - set(models.detector.classes):
        raise DatasetError(f"the detector does not know {', '.join(sorted(missing))}.")
    scored = []
    for item in _run_all(dataset.videos, models, settings, min_height_px, workers):
        scored.append(item)
        on_video(len(scored), len(dataset.videos))
    groups = {"all": scored}
    for light in ("day", "dusk", "ir"):
        if chosen := [item for item in scored if item.video.light == light]:
            groups[light] = chosen
    names, actions = models.detector.classes, dataset.actions
    return {group: _score(items, names, actions, min_height_px) for group, items in groups.items()}


def _run_all(
    videos: Sequence[LabelledVideo],
    models: Models,
    settings: AnalysisSettings,
    min_height_px: float,
    workers: int,
) -> Iterator[_Scored]:
    """One video after the other, in their order."""
    if workers <= 1:
        yield from (_run(video, models, settings, min_height_px) for video in videos)
        return
    context = multiprocessing.get_context("spawn")  # FFmpeg's and torch's threads do not survive a fork
    threads = max(1, torch.get_num_threads() // workers)
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        yield from pool.map(partial(_run_alone, settings=settings, min_height_px=min_height_px), videos)


def _run_alone(video: LabelledVideo, *, settings: AnalysisSettings, min_height_px: float) -> _Scored:
    return _run(video, _kept_models(settings), settings, min_height_px)


@lru_cache(maxsize=1)
def _kept_models(settings: AnalysisSettings) -> Models:
    """A worker's networks, loaded once."""
    return load_models(settings)


def _run(video: LabelledVideo, models: Models, settings: AnalysisSettings, min_height_px: float) -> _Scored:
    true_frames, found_frames = [], []
    with VideoReader(video.info.path) as reader:
        for frame in reader.frames(keep_at(AP_FPS)):
            true_frames.append(_truth(video.tracks, frame.index, models.detector))
            found_frames += predict_detections(models.detector, [frame.image])
    tall = tuple(cut for track in video.tracks if (cut := _tall(track, min_height_px)) is not None)
    result = analyze_video(video.info.path, models, settings)
    return _Scored(video, tall, result, true_frames, found_frames)


def _truth(tracks: Sequence[Track], frame: int, detector: Detector) -> Detections:
    """What is to be found on a frame, labelled as the detector numbers its classes."""
    boxes, labels = [], []
    masks: list[Rle] = []
    for track in tracks:
        place = int(np.searchsorted(track.frames, frame))
        if place < len(track) and track.frames[place] == frame:
            mask = track.masks[place]
            if mask is None:
                raise DatasetError(
                    f"track {track.track_id} has no mask on frame {frame}: masks cannot be scored."
                )
            boxes.append(track.boxes[place])
            labels.append(detector.classes.index(track.label))
            masks.append(mask)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.ones(len(boxes), np.float32),
        labels=np.array(labels, np.int64),
        masks=tuple(masks),
    )


def _tall(track: Track, min_height_px: float) -> Track | None:
    """The track on the frames where the animal is high enough; None where it never is."""
    keep = np.flatnonzero(track.boxes[:, 3] - track.boxes[:, 1] >= min_height_px)
    if len(keep) == 0:
        return None
    return Track(
        track_id=track.track_id,
        label=track.label,
        label_score=track.label_score,
        frames=track.frames[keep],
        boxes=track.boxes[keep],
        scores=track.scores[keep],
        masks=tuple(track.masks[i] for i in keep),
    )


def _score(
    items: Sequence[_Scored], names: Sequence[str], actions: Sequence[str], min_height_px: float
) -> Scores:
    truth = [frame for item in items for frame in item.true_frames]
    found = [frame for item in items for frame in item.found_frames]
    boxes = compute_detection_ap(truth, found, names, iou_type="bbox", min_height_px=min_height_px)
    masks = compute_detection_ap(truth, found, names, iou_type="segm", min_height_px=min_height_px)
    _, tracking = compute_tracking_scores(
        {str(item.video.info.path): (item.video.tracks, item.result.tracks) for item in items},
        min_height_px=min_height_px,
    )
    species: list[bool] = []
    seconds: list[ActionSeconds] = []
    false_tracks = 0
    for item in items:
        matches = match_tracks(item.tall, item.result.tracks)
        true = {track.track_id: track for track in item.tall}
        predicted = {track.track_id: track for track in item.result.tracks}
        any_match = match_tracks(item.video.tracks, item.result.tracks)
        false_tracks += len(predicted) - len({match.predicted_id for match in [*matches, *any_match]})
        for match in matches:
            species.append(true[match.truth_id].label == predicted[match.predicted_id].label)
            seconds.append(
                compute_action_seconds(
                    item.video.actions,
                    true[match.truth_id],
                    item.video.info.fps,
                    item.result.bouts,
                    match.predicted_id,
                )
            )
    acted = compute_class_scores(
        [action for one in seconds for action in one.truth],
        [action for one in seconds for action in one.predicted],
        actions,
    )
    animals = sum(len(item.tall) for item in items)
    return Scores(
        videos=len(items),
        frames=len(truth),
        animals=animals,
        box_ap=boxes.ap,
        box_ap50=boxes.ap50,
        mask_ap=masks.ap,
        mask_ap50=masks.ap50,
        found=len(species) / animals if animals else float("nan"),
        false_tracks=false_tracks,
        species=float(np.mean(species)) if species else float("nan"),
        idf1=tracking.idf1,
        hota=tracking.hota,
        mota=tracking.mota,
        action_seconds=sum(len(one.truth) for one in seconds),
        action_top1=acted.accuracy,
        action_mean_class=acted.mean_class_accuracy,
        action_recall=dict(zip(actions, acted.recall.tolist(), strict=True)),
    )


def scores_to_json(scores: dict[str, Scores]) -> dict[str, dict[str, Any]]:
    """Plain values for a file."""
    return {group: asdict(values) for group, values in scores.items()}
