"""One video, all stages: decode > detect > track > clip > name, recognize > export.

A video is decoded up to four times instead of being held in memory: to detect, to cut the clips of the
animals found, to draw them, and up to the frame of the thumbnail. Decoding is cheap beside the networks, and
memory stays the same for a minute and for an hour. A blank video is decoded once, and up to its thumbnail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from wildact import defaults
from wildact.clip import ClipPlan, StillCutter, cut_clips, frames_needed, plan_clips, plan_stills
from wildact.decode import LightSampler, VideoReader, VideoWriter
from wildact.detect import (
    Detector,
    WindowSettings,
    load_detector,
)
from wildact.errors import UsageError
from wildact.export import annotate_frames, choose_thumbnail_frame, save_ethogram, save_thumbnail
from wildact.labels import cover_frame
from wildact.memory import give_back_freed
from wildact.recognize import Recognizer, load_recognizer, predict_actions, scores_to_bouts
from wildact.record import StageTimer
from wildact.species import Namer, load_namer
from wildact.track import TrackerSettings, track_detections
from wildact.types import ActionScores, Detections, Float64, Frame, Image, Track, VideoResult

ANIMAL = "animal"
"""The label of an animal of which nobody said what it is."""

WITHOUT_ACTIONS = frozenset({"person", "vehicle"})
"""Classes of a detector whose tracks are not shown to the action network."""

Progress = Callable[[str, int, int | None], None]
"""Called with the stage, frames done in it, and frames in all (None where that is not known)."""


def _no_progress(stage: str, done: int, total: int | None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What can be chosen about an analysis.

    Attributes:
        detector: name or file of the detector's weights.
        recognizer: name or file of the action network's weights.
        namer: name or file of the weights that name what a detector calls ``animal`` only; None: no names.
        species_list: text file with what lives there, one name per line; None: any animal.
        fps: frames per second on which animals are detected, interpolated between; None: every frame.
        min_score: half of an animal's detections need this score, or three seconds of them; None: the
            default of the detector's weights.
        hop_s: seconds from one clip of an animal to the next.
        mirrored: each clip is also shown to the action network as its mirror image: surer, at twice its time.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        batch_size: frames per pass through the detector.
        tracker: how detections become tracks.
        window: which of these frames help each other, where the detector is one of video.
        whole_frame: one animal fills the picture, as in a cage: no detector, one track of the whole frame.
    """

    detector: str = defaults.DETECTOR
    recognizer: str = defaults.RECOGNIZER
    namer: str | None = defaults.NAMER
    species_list: Path | None = None
    fps: Fraction | None = Fraction(10)
    min_score: float | None = None
    hop_s: float = 0.5
    mirrored: bool = True
    device: str = "cpu"
    batch_size: int = 4
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    whole_frame: bool = False

    def __post_init__(self) -> None:
        if self.fps is not None and self.fps <= 0:
            raise UsageError(f"fps must be more than 0, not {float(self.fps):g}.")
        if self.min_score is not None and not 0 < self.min_score < 1:
            raise UsageError(f"min-score must lie between 0 and 1, not {self.min_score:g}.")
        if self.hop_s <= 0:
            raise UsageError(f"hop_s must be more than 0, not {self.hop_s:g}.")
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, not {self.batch_size}.")
        if self.species_list is not None and self.namer is None:
            raise UsageError("a species list is for the namer: give one of the two only with the other.")


@dataclass(frozen=True, slots=True)
class Models:
    """The networks of an analysis, loaded; ``namer`` is None where nothing needs a name."""

    detector: Detector
    recognizer: Recognizer
    namer: Namer | None = None

    def facts(self) -> dict[str, dict[str, Any]]:
        """What a result says of the weights that made it."""
        cards = {"detector": self.detector.card, "recognizer": self.recognizer.card}
        if self.namer is not None:
            cards["namer"] = self.namer.card
        keys = {
            "name", "file", "sha256", "licence", "trained_on", "trained_on_simulation", "recipe", "classes",
            "min_probability", "min_score",
        }  # fmt: skip
        return {part: card.model_dump(mode="json", include=keys) for part, card in cards.items()}


def load_models(settings: AnalysisSettings) -> Models:
    """Load the networks; the namer only for a detector that calls animals just that.

    Raises:
        WeightsError: if weights are not on this computer, or damaged.
        UsageError: if a name is unknown.
    """
    detector = load_detector(
        settings.detector,
        device=settings.device,
        min_score=min(settings.tracker.low_score, settings.min_score or 1),
        batch_size=settings.batch_size,
        window=settings.window,
    )
    namer = None
    if settings.namer is not None and ANIMAL in detector.classes and not settings.whole_frame:
        namer = load_namer(settings.namer, device=settings.device, species_list=settings.species_list)
    elif settings.species_list is not None:
        raise UsageError(
            f"--species-list is for the namer, which {settings.detector} and --whole-frame do not use: "
            "leave it out."
        )
    return Models(detector, load_recognizer(settings.recognizer, device=settings.device), namer)


def analyze(
    video: str | Path, settings: AnalysisSettings | None = None, *, models: Models | None = None
) -> VideoResult:
    """Find, follow and name the animals in a video, and recognise what they do.

    Args:
        video: the file.
        settings: how; the defaults need no network connection.
        models: networks loaded before, to analyse many videos with.

    Raises:
        VideoError: if not one frame of the file can be decoded.
    """
    settings = settings or AnalysisSettings()
    return analyze_video(Path(video), models or load_models(settings), settings)


def analyze_video(
    path: Path, models: Models, settings: AnalysisSettings, *, progress: Progress = _no_progress
) -> VideoResult:
    """As `analyze`, with networks and settings given, and progress told."""
    timer = StageTimer()
    with VideoReader(path) as reader:
        sampler = LightSampler()
        frames = timer.iterate("decode", reader.frames(keep_at(settings.fps)))
        frames = give_back_freed(_told(frames, progress, "detect", reader.info.frames))
        watched = sampler.watch(frames)
        if settings.whole_frame:
            found = [(frame.index, Detections.empty()) for frame in watched]
        else:
            stream = timer.iterate("detect", models.detector.stream(watched))
            found = [(frame.index, detections) for frame, detections in stream]
        info, pts, time_base, warnings = reader.measured(), reader.pts, reader.time_base, reader.warnings
    detected = np.array([index for index, _ in found], np.int64)
    times_s = np.asarray(pts * float(time_base), np.float64)
    with timer.stage("track"):
        tracks = track_detections(
            detected,
            [detections for _, detections in found],
            times_s,
            models.detector.classes,
            settings.tracker,
            min_score=choose_min_score(settings, models.detector),
        )
        light = sampler.classify()
    if settings.whole_frame:
        tracks = (cover_frame(info, len(pts), ANIMAL),)
    actions, tracks = _look_closer(path, tracks, times_s, models, settings, timer, progress)
    spans = {track.track_id: track.span_s(times_s, info.duration) for track in tracks}
    sure = models.recognizer.card.min_probability
    bouts = [
        bout
        for scores in actions
        for bout in scores_to_bouts(scores, *spans[scores.track_id], min_probability=sure)
    ]
    return VideoResult(
        info=info,
        light=light,
        pts=pts,
        time_base=time_base,
        tracks=tracks,
        actions=actions,
        bouts=tuple(bouts),
        warnings=warnings,
        detected=detected,
        timings_s=timer.seconds,
        models={
            part: facts
            for part, facts in models.facts().items()
            if part != "detector" or not settings.whole_frame
        },
    )


def keep_at(fps: Fraction | None) -> Callable[[int, Fraction], bool]:
    """Choose frames at no more than ``fps`` per second: the first one at or after each tick of that clock."""
    if fps is None:
        return lambda index, time: True
    next_tick = 0

    def keep(index: int, time: Fraction) -> bool:
        nonlocal next_tick
        if time * fps < next_tick:
            return False
        next_tick = int(time * fps) + 1
        return True

    return keep


def choose_min_score(settings: AnalysisSettings, detector: Detector) -> float:
    """Return the confidence that the settings name, or the default of the detector's weights."""
    return settings.min_score or detector.card.min_score or defaults.MIN_SCORE


def plan_tracks(
    tracks: Iterable[Track], times_s: Float64, recognizer: Recognizer, *, hop_s: float
) -> list[ClipPlan]:
    """The clips of tracks that an action network wants to see.

    Args:
        tracks: of one video.
        times_s: (F,) seconds of all its frames.
        recognizer: says how long and how large clips are.
        hop_s: seconds from one clip of a track to the next.
    """
    return [
        plan
        for track in tracks
        for plan in plan_clips(
            track,
            times_s,
            num_frames=recognizer.num_frames,
            rate=recognizer.rate,
            hop_s=hop_s,
            context=recognizer.context,
            own_aspect=recognizer.own_aspect,
        )
    ]


def _look_closer(
    path: Path,
    tracks: tuple[Track, ...],
    times_s: Float64,
    models: Models,
    settings: AnalysisSettings,
    timer: StageTimer,
    progress: Progress,
) -> tuple[tuple[ActionScores, ...], tuple[Track, ...]]:
    """Decode once more: action scores, and the tracks with the names of their animals."""
    recognizer, namer = models.recognizer, models.namer
    acting = [track for track in tracks if track.label not in WITHOUT_ACTIONS]
    plans = plan_tracks(acting, times_s, recognizer, hop_s=settings.hop_s)
    unnamed = [plan_stills(track) for track in tracks if track.label == ANIMAL and namer is not None]
    if not plans and not unnamed:
        return (), tracks
    cutter = StillCutter(unnamed, size=namer.size if namer else 1, context=namer.context if namer else 1.0)
    needed = frames_needed(plans) | cutter.needed
    with VideoReader(path) as reader:
        frames = timer.iterate("decode", reader.frames(lambda index, _: index in needed))
        frames = give_back_freed(_told(frames, progress, "recognize", len(times_s)))
        watched = cutter.watch(frames)
        clips = timer.iterate("clip", cut_clips(plans, watched, size=recognizer.size))
        with timer.stage("recognize"):
            actions = predict_actions(recognizer, clips, mirrored=settings.mirrored)
        deque(watched, maxlen=0)  # frames after the last clip
    if namer is None:
        return actions, tracks
    with timer.stage("name"):
        return actions, tuple(name_track(track, namer, cutter.pictures) for track in tracks)


def name_track(track: Track, namer: Namer, pictures: Mapping[int, Sequence[Image]]) -> Track:
    """Return a track with the name of its animal; as it is where there are no pictures of it.

    Args:
        track: of an animal without a name.
        namer: that knows it.
        pictures: track id to (size, size, 3) uint8 RGB pictures.
    """
    if not pictures.get(track.track_id):
        return track
    name = namer(np.stack(pictures[track.track_id]))
    return replace(
        track,
        label=name.name,
        label_score=name.score,
        rank=name.rank,
        scientific_name=name.scientific_name,
    )


def _told(frames: Iterable[Frame], progress: Progress, stage: str, total: int | None) -> Iterator[Frame]:
    for frame in frames:
        progress(stage, frame.index + 1, total)
        yield frame


def _save_thumbnail(path: Path, result: VideoResult, timer: StageTimer) -> None:
    """The frame that shows most of the animals, with them drawn."""
    best = choose_thumbnail_frame(result)
    with VideoReader(result.info.path) as reader:
        frames = timer.iterate("decode", reader.frames(lambda index, _: index == best))
        frame = next(annotate_frames(result, frames), None)
    if frame is not None:
        with timer.stage("export"):
            save_thumbnail(path, frame.image)


def write_outputs(
    folder: Path, result: VideoResult, *, title: str, video: bool = True, progress: Progress = _no_progress
) -> VideoResult:
    """Write the pictures of one video: ethogram, thumbnail, and where there are animals the annotated video.

    Args:
        folder: exists.
        result: of `analyze_video`.
        title: of the ethogram.
        video: write ``annotated.mp4``.
        progress: told of the frames drawn.

    Returns:
        The result, with the seconds spent here added to its timings.

    Raises:
        OutputError: if a file cannot be written.
    """
    timer = StageTimer()
    with timer.stage("export"):
        save_ethogram(folder / "ethogram.png", result, title=title)
    _save_thumbnail(folder / "thumbnail.jpg", result, timer)
    if video and result.tracks:
        with VideoReader(result.info.path) as reader:
            frames = timer.iterate("decode", reader.frames())
            frames = give_back_freed(_told(frames, progress, "draw", result.info.frames))
            info = result.info
            with VideoWriter(
                folder / "annotated.mp4", width=info.width, height=info.height, fps=info.fps
            ) as writer:
                for frame in timer.iterate("draw", annotate_frames(result, frames)):
                    with timer.stage("encode"):
                        writer.write(frame.image, frame.time)
    timings = {**result.timings_s}
    for stage, seconds in timer.seconds.items():
        timings[stage] = timings.get(stage, 0.0) + seconds
    return replace(result, timings_s=timings)
