"""Score a whole data set: videos in worker processes, then figures in all and by light."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from wildact.datasets import Dataset, fit_classes, require_videos
from wildact.datasets.classes import list_unknown
from wildact.datasets.dataset import LIGHTS
from wildact.decode import is_still
from wildact.errors import DatasetError, UsageError
from wildact.evaluate.annotated import CROP_SHIFTS, run_annotated
from wildact.evaluate.figures import Figure, GroupScores, VideoCounts, score_group
from wildact.evaluate.video import NO_NAMES, run_chain
from wildact.labels import LabelledVideo
from wildact.metrics import build_tracking_metrics
from wildact.pipeline import AnalysisSettings, Models, load_models


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What is scored, and how.

    Attributes:
        min_height_px: animals whose visible box is lower are neither wanted nor wrong to find.
        chain: score the whole chain, from the detector to the bouts.
        annotated: score the action network alone, on annotated tracks.
        views: clips of each annotated bout that the action network is shown.
        crops: crops of each of these clips, 1 or 3.
        resamples: of videos, for the intervals; 0: no intervals.
        seed: of the resamples.
    """

    min_height_px: float = 24
    chain: bool = True
    annotated: bool = False
    views: int = 1
    crops: int = 1
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.crops not in CROP_SHIFTS:
            raise UsageError(f"crops must be 1 (centre) or 3 (left, centre, right), not {self.crops}.")
        if self.views < 1 or self.resamples < 0:
            raise UsageError("views must be 1 or more, and resamples 0 or more.")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was scored.

    Attributes:
        groups: ``all``, and each light that occurs, to its scores.
        species: of the data set.
        actions: of the data set.
        min_height_px: animals whose visible box is lower do not count.
        notes: what a reader of the figures must know, in sentences.
        videos: the counts of each video, from which all follows; by its path within the data set.
    """

    groups: dict[str, GroupScores]
    species: tuple[str, ...]
    actions: tuple[str, ...]
    min_height_px: float
    notes: tuple[str, ...]
    videos: Mapping[str, VideoCounts]


def evaluate_models(
    dataset: Dataset,
    models: Models,
    settings: AnalysisSettings,
    evaluation: EvaluationSettings | None = None,
    *,
    workers: int = 1,
    on_video: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score two networks and all between them, or an action network alone.

    Args:
        dataset: with videos.
        models: from `wildact.pipeline.load_models`.
        settings: of the analysis.
        evaluation: what is scored; None: the whole chain.
        workers: processes, each with networks of its own; 1: this one.
        on_video: called with the number of videos done and their total.

    Raises:
        DatasetError: if there is no video, one is missing or not the one that was labelled, or the networks
            have no class for animals or actions of the data set.
        UsageError: if TrackEval is needed, and not installed.
        VideoError: if a video cannot be decoded.
    """
    evaluation = evaluation or EvaluationSettings()
    labelled, dataset = dataset, check_classes(dataset, models, evaluation)
    require_videos(dataset)
    if evaluation.chain and not all(is_still(video.info.path) for video in dataset.videos):
        build_tracking_metrics()  # said before the first video is analysed, not after it
    run = partial(
        _run_video,
        species=dataset.species,
        actions=dataset.actions,
        settings=settings,
        evaluation=evaluation,
    )
    names_of = {
        video.info.path: {track.track_id: track.label for track in video.tracks} for video in labelled.videos
    }
    videos = [(video, names_of.get(video.info.path, NO_NAMES)) for video in dataset.videos]
    counted: list[VideoCounts] = []
    for one in _run_all(videos, models, run, workers):
        counted.append(one)
        on_video(len(counted), len(dataset.videos))
    groups = {
        group: score_group(
            [counted[i] for i in members],
            dataset.species,
            dataset.actions,
            resamples=evaluation.resamples,
            seed=evaluation.seed,
        )
        for group, members in group_by_light([one.light for one in counted]).items()
    }
    for scores in groups.values():  # a light with still images only has no figures of tracks
        for name in groups["all"].figures:
            scores.figures.setdefault(name, Figure(math.nan, math.nan, math.nan))
    for scores in groups.values():  # the names of tracks are not those of the labels, or there is no namer
        if dataset.species != labelled.species:
            scores.figures.pop("species", None)
        if models.namer is None:
            scores.figures.pop("named", None)
            scores.figures.pop("names_right", None)
    names = [_name(video.info.path, dataset.root) for video in dataset.videos]
    return Evaluation(
        groups=groups,
        species=dataset.species,
        actions=dataset.actions,
        min_height_px=evaluation.min_height_px,
        notes=(*_note_classes(labelled, dataset), *_notes(counted)),
        videos=dict(zip(names, counted, strict=True)),
    )


def group_by_light(lights: Sequence[str | None]) -> dict[str, list[int]]:
    """``all``, and each light that occurs, to the places of its videos."""
    members = {"all": [*range(len(lights))]}
    members |= {light: [i for i, of in enumerate(lights) if of == light] for light in LIGHTS}
    return {group: places for group, places in members.items() if places}


def check_classes(dataset: Dataset, models: Models, evaluation: EvaluationSettings) -> Dataset:
    """Return the data set in the classes of the detector, see `wildact.datasets.fit_classes`.

    Raises:
        DatasetError: if it is empty, or the networks have no class for its animals or actions.
    """
    if not dataset.videos:
        raise DatasetError(f"{dataset.root} holds no video.")
    if evaluation.annotated and not set(dataset.actions) & set(models.recognizer.classes):
        raise DatasetError(
            f"the action network knows none of the data set's actions ({', '.join(dataset.actions)})."
        )
    if not evaluation.chain:
        return dataset
    try:
        return fit_classes(dataset, models.detector.classes)
    except DatasetError as error:
        raise DatasetError(
            f"{error}; name one that does with --detector, or score an action network alone with "
            "--annotated-only."
        ) from error


def _name(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _note_classes(labelled: Dataset, dataset: Dataset) -> tuple[str, ...]:
    """What became of categories that the detector does not know."""
    if labelled.species == dataset.species:
        return ()
    notes = [
        f"The labels count as the detector's classes, {', '.join(dataset.species)}; names of species are not"
        " scored."
    ]
    if dropped := list_unknown(labelled, dataset.species):
        notes.append(f"The detector has no class for {', '.join(dropped)}: background here.")
    return tuple(notes)


def _notes(counted: Sequence[VideoCounts]) -> tuple[str, ...]:
    notes = []
    chains = [one.chain for one in counted if one.chain is not None]
    stills = sum(chain.tracks is None for chain in chains)
    if stills:
        notes.append(
            f"{stills} still images count as videos of one frame; tracks and actions are not scored on them."
        )
    frames, masked = sum(chain.frames for chain in chains), sum(chain.masked for chain in chains)
    if any(chain.masks is None for chain in chains):
        notes.append("Masks are not scored: the detector makes none.")
    elif masked < frames:
        notes.append(f"Masks are scored on {masked} of {frames} frames: on the others no animal has one.")
    undecoded = [one.chain.undecoded for one in counted if one.chain is not None and one.chain.undecoded]
    if undecoded:
        notes.append(
            f"In {len(undecoded)} videos {sum(undecoded)} labelled frames could not be decoded: animals on"
            " them count as missed, in all but AP and frame-mAP."
        )
    recordings = len({one.recording or number for number, one in enumerate(counted)})
    if 1 < recordings < 10:
        notes.append(f"Intervals from {recordings} videos are rough: they are usually too narrow.")
    return tuple(notes)


Run = partial[VideoCounts]

NamedVideo = tuple[LabelledVideo, Mapping[int, str]]
"""A video in the classes of the detector, and the label of each track by its id."""


def _run_all(videos: Sequence[NamedVideo], models: Models, run: Run, workers: int) -> Iterator[VideoCounts]:
    """One video after the other, in their order."""
    if workers <= 1:
        yield from (run(video, models) for video in videos)
        return
    context = multiprocessing.get_context("spawn")  # FFmpeg's and torch's threads do not survive a fork
    threads = max(1, torch.get_num_threads() // workers)
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        yield from pool.map(partial(_run_alone, run=run), videos)


def _run_alone(video: NamedVideo, *, run: Run) -> VideoCounts:
    return run(video, _kept_models(run.keywords["settings"]))


@lru_cache(maxsize=1)
def _kept_models(settings: AnalysisSettings) -> Models:
    """A worker's networks, loaded once."""
    return load_models(settings)


def _run_video(
    named: NamedVideo,
    models: Models,
    *,
    species: Sequence[str],
    actions: Sequence[str],
    settings: AnalysisSettings,
    evaluation: EvaluationSettings,
) -> VideoCounts:
    video, names = named
    chain = bouts = None
    if evaluation.chain:
        chain = run_chain(
            video,
            models,
            settings,
            species=species,
            actions=actions,
            min_height_px=evaluation.min_height_px,
            names=names,
        )
    if evaluation.annotated:
        bouts = run_annotated(
            video,
            models.recognizer,
            actions,
            min_height_px=evaluation.min_height_px,
            views=evaluation.views,
            crops=evaluation.crops,
        )
    return VideoCounts(video.light, chain, bouts, video.recording)
