"""Read and write the native format: YouTube-VIS style ``annotations.json`` and ``actions.csv``.

See docs/data-format.md. Whatever is broken is said with file, entry and reason.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wildact.errors import DatasetError, OutputError
from wildact.export.youtube_vis import save_data_set
from wildact.masks import from_coco
from wildact.types import ActionLabel, LabelledVideo, Light, Rle, Track, VideoInfo

ANNOTATIONS = "annotations.json"
ACTIONS = "actions.csv"
ACTION_COLUMNS = ["video", "track_id", "action", "start_frame", "end_frame"]
LIGHTS: tuple[Light, ...] = ("day", "dusk", "ir")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled data set.

    Attributes:
        root: its folder.
        species: names of the animals' classes, in the order of their ids.
        actions: names of the actions, in the order of their ids.
        videos: the labelled videos, by file name.
        facts: the ``info`` entry: description, generator, seed.
        dropped: what the file it was read from holds and wildact has no place for, each with its count.
    """

    root: Path
    species: tuple[str, ...]
    actions: tuple[str, ...]
    videos: tuple[LabelledVideo, ...]
    facts: Mapping[str, Any]
    dropped: tuple[str, ...] = ()


def load_dataset(root: Path) -> Dataset:
    """Read a data set's annotations (not its videos).

    Args:
        root: the folder that holds ``annotations.json``.

    Raises:
        DatasetError: naming file, entry and reason.
    """
    path = Path(root) / ANNOTATIONS
    content = _read_json(path)
    species = _names(path, content, "categories")
    actions = _names(path, content, "actions")
    tracks = _read_tracks(path, content, species)
    labels = _read_actions(Path(root) / ACTIONS, set(actions.values()))
    entries = _entries(path, content, "videos")
    if strays := sorted(set(tracks) - {entry.get("id") for entry in entries}, key=str):
        raise DatasetError(f"{path}: an annotation is of video {strays[0]}, which 'videos' does not list.")
    videos = []
    for entry in entries:
        where = f"{path}: videos entry {entry.get('id')}"
        video_tracks = tracks.get(entry.get("id"), ())
        name = str(entry.get("file_name"))
        videos.append(_video(where, Path(root), entry, video_tracks, tuple(labels.get(name, ()))))
    if unknown := sorted(set(labels) - {str(entry.get("file_name")) for entry in entries}):
        raise DatasetError(f"{Path(root) / ACTIONS}: video '{unknown[0]}' is not in {ANNOTATIONS}.")
    videos.sort(key=lambda video: str(video.info.path))
    return Dataset(
        root=Path(root),
        species=tuple(species.values()),
        actions=tuple(actions.values()),
        videos=tuple(videos),
        facts=content.get("info", {}),
    )


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a data set's annotations (not its videos) into a folder, made where missing.

    Each video keeps its name: where ``dataset.root`` holds it, ``folder`` is to hold it.

    Raises:
        OutputError: if the folder cannot be written to, or a video's frame rate, size or length is unknown.
    """
    videos = []
    for video in dataset.videos:
        info = video.info
        if info.fps <= 0 or info.width <= 0 or info.height <= 0 or info.frames is None:
            raise OutputError(
                f"{info.path}: frame rate, frame size or number of frames are unknown; "
                "the native format needs them."
            )
        name = info.path.relative_to(dataset.root)
        videos.append(replace(video, info=replace(info, path=folder / name)))
    save_data_set(
        folder, videos, categories=dataset.species, actions=dataset.actions, info=dict(dataset.facts)
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist: a data set folder holds {ANNOTATIONS}.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    return content


def _entries(path: Path, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DatasetError(f"{path}: '{key}' must be a list of objects.")
    ids = [entry.get("id") for entry in entries]
    if len(set(ids)) != len(ids):
        raise DatasetError(f"{path}: two entries of '{key}' have the same id.")
    return entries


def _names(path: Path, content: Mapping[str, Any], key: str) -> dict[int, str]:
    """Id -> name, in order of id."""
    entries = _entries(path, content, key)
    try:
        return {int(entry["id"]): str(entry["name"]) for entry in sorted(entries, key=lambda e: e["id"])}
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: each entry of '{key}' needs a numeric 'id' and a 'name'.") from error


def _read_tracks(
    path: Path, content: Mapping[str, Any], species: Mapping[int, str]
) -> dict[Any, tuple[Track, ...]]:
    tracks: defaultdict[Any, list[Track]] = defaultdict(list)
    for entry in _entries(path, content, "annotations"):
        where = f"{path}: annotations entry {entry.get('id')}"
        try:
            track = _track(entry, species)
        except KeyError as error:
            raise DatasetError(f"{where}: {error} is absent or unknown.") from error
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{where}: {error}.") from error
        if any(other.track_id == track.track_id for other in tracks[entry.get("video_id")]):
            raise DatasetError(f"{where}: its video has another track {track.track_id}.")
        tracks[entry.get("video_id")].append(track)
    return {video: tuple(sorted(found, key=lambda t: t.track_id)) for video, found in tracks.items()}


def _track(entry: Mapping[str, Any], species: Mapping[int, str]) -> Track:
    boxes, masks = entry["bboxes"], entry["segmentations"]
    if len(boxes) != len(masks):
        raise ValueError(f"{len(boxes)} bboxes but {len(masks)} segmentations")
    frames = [i for i, box in enumerate(boxes) if box is not None]
    if not frames:
        raise ValueError("the track is not visible on any frame")
    boxes_xywh = np.array([boxes[i] for i in frames], np.float64).reshape(-1, 4)
    bad = (boxes_xywh[:, 2:] <= 0).any(axis=1) | ~np.isfinite(boxes_xywh).all(axis=1)
    if bad.any():
        raise ValueError(f"the box of frame {frames[int(np.flatnonzero(bad)[0])]} is empty or not a number")
    rles: tuple[Rle | None, ...] = tuple(None if masks[i] is None else from_coco(masks[i]) for i in frames)
    marks = entry.get("occluded")
    boxes_xyxy = np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
    return Track(
        track_id=int(entry["track_id"]),
        label=species[int(entry["category_id"])],
        label_score=1.0,
        frames=np.array(frames, np.int64),
        boxes=boxes_xyxy.astype(np.float32),
        scores=np.ones(len(frames), np.float32),
        masks=rles,
        occluded=None if marks is None else np.array([marks[i] for i in frames], bool),
        crowd=bool(entry.get("iscrowd", 0)),
    )


def _read_actions(path: Path, known: set[str]) -> dict[str, list[ActionLabel]]:
    """File name of the video -> its action labels, in order of track and time."""
    if not path.exists():
        raise DatasetError(f"{path} does not exist: a data set says there what each animal does.")
    labels: defaultdict[str, list[ActionLabel]] = defaultdict(list)
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    reader = csv.DictReader(text.splitlines(keepends=True))
    if reader.fieldnames != ACTION_COLUMNS:
        raise DatasetError(f"{path}: the first line must be '{','.join(ACTION_COLUMNS)}'.")
    for row in reader:
        labels[row["video"]].append(_action(f"{path}, line {reader.line_num}", row, known))
    for video, of_video in labels.items():
        of_video.sort(key=lambda label: (label.track_id, label.start_frame))
        for one, following in pairwise(of_video):
            if one.track_id == following.track_id and following.start_frame < one.end_frame:
                raise DatasetError(
                    f"{path}: video '{video}', track {one.track_id}: '{one.action}' and '{following.action}' "
                    f"overlap at frame {following.start_frame}."
                )
    return dict(labels)


def _action(where: str, row: Mapping[str, str], known: set[str]) -> ActionLabel:
    try:
        label = ActionLabel(
            int(row["track_id"]), row["action"], int(row["start_frame"]), int(row["end_frame"])
        )
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{where}: track_id, start_frame and end_frame must be whole numbers.") from error
    if label.action not in known:
        raise DatasetError(f"{where}: unknown action '{label.action}'; {ANNOTATIONS} lists {sorted(known)}.")
    if not 0 <= label.start_frame < label.end_frame:
        raise DatasetError(f"{where}: frames {label.start_frame} to {label.end_frame} are not a range.")
    return label


def _video(
    where: str,
    root: Path,
    entry: Mapping[str, Any],
    tracks: tuple[Track, ...],
    actions: tuple[ActionLabel, ...],
) -> LabelledVideo:
    try:
        fps = Fraction(str(entry["fps"]))
        length, width, height = (int(entry[key]) for key in ("length", "width", "height"))
        light, name = entry.get("light"), PurePosixPath(str(entry["file_name"]))
        site, camera = str(entry["site"]), str(entry["camera"])
    except KeyError as error:
        raise DatasetError(f"{where}: {error} is absent.") from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise DatasetError(f"{where}: fps, length, width and height must be numbers.") from error
    if light is not None and light not in LIGHTS:
        raise DatasetError(f"{where}: light '{light}' is none of {', '.join(LIGHTS)}.")
    if name.is_absolute() or ".." in name.parts or fps <= 0:
        raise DatasetError(f"{where}: file_name must stay within the folder, and fps be positive.")
    _check_tracks(where, tracks, actions, length=length, width=width, height=height)
    info = VideoInfo(root / name, width, height, fps, length, length / fps, codec="unknown")
    return LabelledVideo(info, site, camera, light, tracks, actions, entry.get("recorded"))


def _check_tracks(
    where: str,
    tracks: tuple[Track, ...],
    actions: tuple[ActionLabel, ...],
    *,
    length: int,
    width: int,
    height: int,
) -> None:
    for track in tracks:
        if track.frames[-1] >= length:
            raise DatasetError(
                f"{where}: track {track.track_id} goes on after the last frame ({length - 1})."
            )
        outside = (track.boxes[:, :2] < -0.5).any() or (
            track.boxes[:, 2:] > [width + 0.5, height + 0.5]
        ).any()
        if outside:
            raise DatasetError(f"{where}: a box of track {track.track_id} lies outside the frame.")
        if any(mask is not None and (mask.height, mask.width) != (height, width) for mask in track.masks):
            raise DatasetError(f"{where}: a mask of track {track.track_id} is not of the frame's size.")
    ids = {track.track_id for track in tracks}
    for label in actions:
        if label.track_id not in ids:
            raise DatasetError(f"{where}: an action is given for track {label.track_id}, which is not there.")
        if label.end_frame > length:
            raise DatasetError(f"{where}: an action of track {label.track_id} ends after the last frame.")
