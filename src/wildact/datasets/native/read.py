"""Read and write the native format: YouTube-VIS style ``annotations.json`` and ``actions.csv``.

See docs/data-format.md. Whatever is broken is said with file, entry and reason: `load_dataset` raises at the
first error, `read_dataset` reports all of them and reads what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from wildact.datasets.clip_list import CLIPS, is_clip_list, load_clip_list
from wildact.datasets.dataset import Dataset, check_facts
from wildact.datasets.findings import (
    AFTER_END,
    BROKEN_ROW,
    DUPLICATE,
    MALFORMED,
    OVERLAP,
    UNKNOWN,
    Finding,
    Kind,
    Report,
)
from wildact.datasets.native.entries import check_track, read_action, read_track, read_video
from wildact.datasets.native.images import read_images
from wildact.datasets.native.raw import (
    ACTIONS,
    ANNOTATIONS,
    Entry,
    is_id,
    read_content,
    read_entries,
    read_rows,
    read_supercategories,
)
from wildact.datasets.words import quote
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import Track


@dataclass(slots=True)
class _Video:
    """What is being read of a video; ``video`` is None where its own entry is broken."""

    video: LabelledVideo | None
    tracks: dict[int, Track]
    declared: set[int]
    labels: list[tuple[Entry, ActionLabel]]


def load_dataset(root: Path) -> Dataset:
    """Read a data set's annotations (not its videos).

    Args:
        root: the folder that holds ``annotations.json`` (of videos, or COCO's of still images), or a clip
            list, ``clips.csv``.

    Raises:
        DatasetError: naming file, entry and reason.
    """
    if is_clip_list(root):
        return load_clip_list(Path(root))
    dataset = read_dataset(root, raise_error)
    assert dataset is not None  # what cannot be read has raised
    return dataset


def raise_error(finding: Finding) -> None:
    """Raise the finding if it is an error.

    Raises:
        DatasetError: naming file, entry and reason.
    """
    if finding.severity == "error":
        raise DatasetError(str(finding))


def read_dataset(root: Path, report: Report) -> Dataset | None:
    """Read a data set's annotations, and go on after an error.

    Args:
        root: the folder that holds ``annotations.json``, or ``clips.csv``.
        report: called with every finding.

    Returns:
        What could be read; None if ``annotations.json`` holds no JSON object, or ``clips.csv`` no clips.
    """
    root = Path(root)
    if is_clip_list(root):
        return _read_clip_list(root, report)
    path = root / ANNOTATIONS
    content = read_content(path, report)
    if content is None:
        return None
    if "images" in content and "videos" not in content:
        return read_image_set(path, content, report)
    species = _names(path, content, "categories", report)
    actions = _names(path, content, "actions", report)
    videos, names = _read_videos(root, content, report)
    _read_tracks(path, content, species, videos, report)
    _read_labels(
        root / ACTIONS, list(actions.values()), {name: videos[i] for name, i in names.items()}, report
    )
    return Dataset(
        root=root,
        species=tuple(species.values()),
        actions=tuple(actions.values()),
        videos=tuple(sorted(filter(None, map(_assemble, videos.values())), key=lambda v: str(v.info.path))),
        facts=_info(path, content, report),
        supercategories=read_supercategories(content, species.values()),
    )


def read_image_set(
    path: Path, content: Mapping[str, Any], report: Report, *, stated_only: bool = False
) -> Dataset:
    """Read a COCO file of still images; arguments as of `read_images`."""
    species = _names(path, content, "categories", report)
    facts = _info(path, content, report) if isinstance(content.get("info"), dict) else {}
    return read_images(path, content, species, facts, report, stated_only=stated_only)


def _read_clip_list(root: Path, report: Report) -> Dataset | None:
    path = root / CLIPS

    def tell(kind: Kind, error: DatasetError) -> None:
        report(Finding(kind, path, "", str(error).removeprefix(f"{path}: ").removesuffix(".")))

    try:
        return load_clip_list(root, lambda error: tell(BROKEN_ROW, error))
    except DatasetError as error:
        tell(MALFORMED, error)
        return None


def _info(path: Path, content: Mapping[str, Any], report: Report) -> dict[str, Any]:
    info = content.get("info")
    if info is None:
        return {}
    if not isinstance(info, dict):
        report(Finding(MALFORMED, path, "info", f"'info' must be an object, not {quote(info)}"))
        return {}
    try:
        check_facts(info)
    except ValueError as error:
        report(Finding(MALFORMED, path, "info", f"JSON cannot hold what is in it ({error})"))
        return {}
    return info


def _names(path: Path, content: Mapping[str, Any], key: str, report: Report) -> dict[int, str]:
    """Id -> name, in order of id."""
    names: dict[int, str] = {}
    for entry in read_entries(path, content, key, report):
        number, name = None if entry.id is None else entry.whole("id"), entry.text("name")
        if name in names.values():
            entry.complain(DUPLICATE, f"two entries of '{key}' have the name {quote(name)}")
        elif number is not None and name is not None:
            names.setdefault(number, name)
    return dict(sorted(names.items()))


def _read_videos(
    root: Path, content: Mapping[str, Any], report: Report
) -> tuple[dict[Any, _Video], dict[str, Any]]:
    """Id -> video, and file name -> id."""
    videos: dict[Any, _Video] = {}
    names: dict[str, Any] = {}
    seen: set[PurePosixPath] = set()
    for entry in read_entries(root / ANNOTATIONS, content, "videos", report):
        name, read = entry.values.get("file_name"), _Video(read_video(entry, root), {}, set(), [])
        if entry.id is not None:
            videos.setdefault(entry.id, read)
        if not isinstance(name, str) or entry.id is None:
            continue
        if PurePosixPath(name) in seen:
            entry.complain(DUPLICATE, f"two entries of 'videos' name the file {quote(name)}")
            read.video = None
        seen.add(PurePosixPath(name))
        names.setdefault(name, entry.id)
    return videos, names


def _read_tracks(
    path: Path,
    content: Mapping[str, Any],
    species: Mapping[int, str],
    videos: Mapping[Any, _Video],
    report: Report,
) -> None:
    """Read all tracks into their videos."""
    for entry in read_entries(path, content, "annotations", report):
        track = read_track(entry, species)
        number = entry.values.get("video_id")
        if not is_id(number) or number not in videos:
            entry.complain(UNKNOWN, f"it is of video {quote(number)}, which 'videos' does not list")
            continue
        of_video, track_id = videos[number], entry.values.get("track_id")
        if isinstance(track_id, int) or (isinstance(track_id, float) and track_id.is_integer()):
            of_video.declared.add(int(track_id))
        if track is None:
            continue
        if track.track_id in of_video.tracks:
            entry.complain(DUPLICATE, f"its video has another track {track.track_id}")
            continue
        of_video.tracks[track.track_id] = track
        if of_video.video is not None:
            check_track(entry, track, of_video.video.info)


def _read_labels(path: Path, known: Sequence[str], videos: Mapping[str, _Video], report: Report) -> None:
    """Read all action labels into their videos."""
    strays: set[str] = set()
    for entry in read_rows(path, report):
        label = read_action(entry, known)
        name = entry.values["video"]
        if name not in videos:
            if name not in strays:  # once for each video, not for each of its labels
                entry.complain(UNKNOWN, f"video {quote(name)} is not in {ANNOTATIONS}")
            strays.add(name)
            continue
        if label is None:
            continue
        of_video = videos[name]
        if label.track_id not in of_video.declared:
            entry.complain(UNKNOWN, f"an action is given for track {label.track_id}, which is not there")
            continue
        info = None if of_video.video is None else of_video.video.info
        if info is not None and info.frames is not None and label.end_frame > info.frames:
            what = f"an action of track {label.track_id} ends after the last frame ({info.frames - 1})"
            entry.complain(AFTER_END, what)
        of_video.labels.append((entry, label))
    for of_video in videos.values():
        of_video.labels.sort(key=lambda pair: (pair[1].track_id, pair[1].start_frame))
        _check_overlaps(of_video.labels)


def _check_overlaps(labels: Sequence[tuple[Entry, ActionLabel]]) -> None:
    """Report labels, sorted by track and start, that begin before an earlier one of their track ends."""
    latest: ActionLabel | None = None
    for entry, label in labels:
        if latest is not None and latest.track_id == label.track_id and label.start_frame < latest.end_frame:
            what = f"'{latest.action}' and '{label.action}' overlap at frame {label.start_frame}"
            entry.complain(OVERLAP, f"video {quote(entry.values['video'])}, track {label.track_id}: {what}")
            latest = max(latest, label, key=lambda one: one.end_frame)
        else:
            latest = label


def _assemble(read: _Video) -> LabelledVideo | None:
    if read.video is None:
        return None
    tracks = tuple(read.tracks[track_id] for track_id in sorted(read.tracks))
    actions = tuple(label for _, label in read.labels if label.track_id in read.tracks)
    return replace(read.video, tracks=tracks, actions=actions)
