"""Recordings as a labelled data set, and a labelled data set as recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np

from wildact.datasets.dataset import Dataset, known_length, relative_name
from wildact.datasets.words import plural
from wildact.decode.probe import has_audio
from wildact.errors import OutputError
from wildact.export.recording import Recording, find_frames
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import Bout, VideoResult


def to_dataset(folder: Path, recordings: Iterator[Recording]) -> Dataset:
    """Recordings as a labelled data set, as if somebody had drawn what was found.

    Bouts go from frame to frame: a border between two frames moves to the later one.

    Args:
        folder: root of the data set where the videos do not lie in one folder under their names.
        recordings: with unique names.
    """
    videos, roots, dropped = [], set(), {"clips": 0, "bouts": 0, "uneven": 0}
    species: dict[str, None] = {}  # those that the networks know, whether they occur or not: to correct with
    actions: dict[str, None] = {}
    for recording in recordings:
        result = recording.result
        labels = _action_labels(result)
        species |= dict.fromkeys(result.models.get("detector", {}).get("classes", ()))
        species |= dict.fromkeys(track.label for track in result.tracks)
        actions |= dict.fromkeys(result.models.get("recognizer", {}).get("classes", ()))
        actions |= dict.fromkeys(bout.action for bout in result.bouts)
        dropped["clips"] += sum(len(scores.start_s) for scores in result.actions)
        dropped["bouts"] += len(result.bouts) - len(labels)
        dropped["uneven"] += _is_uneven(result)
        roots.add(_root(recording.name, result.info.path))
        videos.append(
            LabelledVideo(
                info=replace(result.info, path=Path(recording.name), frames=len(result.pts)),
                site=recording.site,
                camera=recording.camera,
                light=recording.light,
                tracks=result.tracks,
                actions=labels,
                recorded=recording.recorded,
            )
        )
    root = roots.pop() if len(roots) == 1 else None
    root = folder if root is None else root
    placed = [replace(video, info=replace(video.info, path=root / video.info.path)) for video in videos]
    return Dataset(
        root=root,
        species=tuple(species),
        actions=tuple(actions),
        videos=tuple(placed),
        facts={"description": "Found by wildact run, not by a person", "generator": "wildact run"},
        dropped=_describe_dropped(**dropped),
    )


def read_dataset_recordings(dataset: Dataset, *, pictures: bool = False) -> Iterator[Recording]:
    """The videos of a labelled data set as recordings.

    Args:
        dataset: of videos whose length is known.
        pictures: whether a single frame may lack a frame rate.

    Raises:
        OutputError: if a video's frame rate or number of frames is unknown.
    """
    for video in dataset.videos:
        info, frames = video.info, known_length(video)
        if info.fps <= 0 and not (pictures and frames == 1):
            raise OutputError(f"the frame rate of {info.path} is unknown; it is needed here.")
        fps = info.fps or Fraction(1)
        result = VideoResult(
            info=replace(info, duration=frames / fps),
            light=video.light or "day",
            pts=np.arange(frames, dtype=np.int64),
            time_base=1 / fps,
            tracks=video.tracks,
            bouts=tuple(_bout(label, fps) for label in sorted(video.actions, key=_order)),
            detected=np.arange(frames, dtype=np.int64),
        )
        yield Recording(
            relative_name(dataset, video),
            result,
            recorded=video.recorded,
            site=video.site,
            camera=video.camera,
            light=video.light,
            machine=False,
        )


def find_audio(recordings: Iterable[Recording]) -> Iterator[Recording]:
    """Recordings that know of the sound of those videos that are there."""
    for recording in recordings:
        yield replace(recording, audio=has_audio(recording.result.info.path))


def _action_labels(result: VideoResult) -> tuple[ActionLabel, ...]:
    labels = []
    for bout in result.bouts:
        start, end = find_frames(result, bout)
        if start < end:
            labels.append(ActionLabel(bout.track_id, bout.action, start, end))
    return tuple(labels)


def _is_uneven(result: VideoResult) -> bool:
    """Whether some frame lies more than half a frame beside where an even frame rate puts it."""
    even = np.arange(len(result.pts)) / float(result.info.fps)
    return bool((abs(result.times_s - even) * float(result.info.fps) > 0.5).any())


def _root(name: str, path: Path) -> Path | None:
    """The folder in which the video lies under its name; None where it is called otherwise."""
    depth = len(PurePosixPath(name).parts)
    return Path(*path.parts[:-depth]) if path.parts[-depth:] == PurePosixPath(name).parts else None


def _describe_dropped(*, clips: int, bouts: int, uneven: int) -> tuple[str, ...]:
    phrases = (
        ("the scores of all actions in {}", plural(clips, "clip")),
        ("{} shorter than a frame", plural(bouts, "bout")),
        ("the uneven times of the frames of {}", plural(uneven, "video")),
    )
    return tuple(phrase.format(number) for phrase, number in phrases if number)


def _bout(label: ActionLabel, fps: Fraction) -> Bout:
    return Bout(
        label.track_id, label.action, float(label.start_frame / fps), float(label.end_frame / fps), 1.0
    )


def _order(label: ActionLabel) -> tuple[int, int]:
    return label.track_id, label.start_frame
