"""What ``wildact run`` found, as recordings for the exports and as a labelled data set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wildact.datasets.checks import known_length, relative_name
from wildact.datasets.csv_table import read_table
from wildact.datasets.deployments import split_place
from wildact.datasets.findings import quote
from wildact.datasets.losses import plural
from wildact.datasets.native import Dataset
from wildact.decode.probe import has_audio
from wildact.errors import DatasetError, OutputError
from wildact.export.recording import Recording, find_frames
from wildact.export.result import load_result
from wildact.export.tables import video_name
from wildact.types import ActionLabel, Bout, LabelledVideo, VideoResult

MARKER = "done.json"


@dataclass(frozen=True, slots=True)
class Results:
    """A folder of results.

    Attributes:
        folder: of ``wildact run``.
        videos: name of the video -> folder of its result, by name.
        failed: name of the video, and why it could not be analysed.
        analysed: when the run ended, as ``run.json`` says it in UTC; empty where it does not.
    """

    folder: Path
    videos: dict[str, Path]
    failed: tuple[tuple[str, str], ...]
    analysed: str


def find_results(folder: Path) -> Results:
    """List what a run left in its folder: the videos of ``videos.csv``.

    Raises:
        DatasetError: if the folder is none of ``wildact run``, or a result that its table names is not there.
    """
    if not (folder / "videos.csv").is_file():
        raise DatasetError(
            f"{folder} is no folder of results: it holds no videos.csv, as `wildact run` makes it."
        )
    table = read_table(folder / "videos.csv", ("video", "status", "error"))
    markers = _read_markers(folder)
    videos, failed = {}, []
    for where, row in table.rows:
        if row["status"] == "failed":
            failed.append((row["video"], row["error"]))
        elif row["video"] in markers:
            name, path = markers[row["video"]]
            videos[name] = path
        else:
            raise DatasetError(f"{where}: the result of {quote(row['video'])} is not in {folder / 'videos'}.")
    return Results(folder, dict(sorted(videos.items())), tuple(failed), _read_date(folder / "run.json"))


def read_recordings(results: Results) -> Iterator[Recording]:
    """The videos of a run, one in memory at a time; site and camera from the names of the folders.

    Raises:
        DatasetError: if a result is damaged.
    """
    for name, folder in results.videos.items():
        site, camera = split_place(name)
        result = load_result(folder)
        yield Recording(name, result, site=site, camera=camera, light=result.light)


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


def _read_markers(folder: Path) -> dict[str, tuple[str, Path]]:
    """Name in the tables -> the video's own name, and the folder of its newest result."""
    markers: dict[str, tuple[str, Path]] = {}
    paths = [(path.stat().st_mtime_ns, path) for path in folder.glob(f"videos/*/{MARKER}")]
    for _, path in sorted(paths):
        marker = _read_json(path)
        name = marker.get("video")
        if not isinstance(name, str) or ".." in PurePosixPath(name).parts:
            raise DatasetError(f"{path} is damaged: it names no video; run `wildact run` again.")
        markers[video_name(name)] = (name, path.parent)
    return markers


def _read_date(path: Path) -> str:
    if not path.is_file():
        return ""
    environment = _read_json(path).get("environment")
    return str(environment.get("date_utc") or "") if isinstance(environment, dict) else ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}); run `wildact run` again.") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is damaged (no JSON object); run `wildact run` again.")
    return content


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
