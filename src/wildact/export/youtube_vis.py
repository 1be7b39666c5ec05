"""The native data format: YouTube-VIS-style ``annotations.json``, and ``actions.csv`` beside it.

Reference: Yang et al. 2019, "Video Instance Segmentation", https://youtube-vos.org/dataset/vis/; how the
native format differs stands in ``docs/data-format.md``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wildact.atomic import replacing
from wildact.errors import OutputError
from wildact.export.json_stream import write_json
from wildact.export.taxa import find_supercategory
from wildact.labels import LabelledVideo
from wildact.masks import mask_area, to_coco
from wildact.types import Rle, Track

ACTION_COLUMNS = ("video", "track_id", "action", "start_frame", "end_frame")
"""The header of ``actions.csv``."""


def save_data_set(
    folder: Path,
    videos: Sequence[LabelledVideo],
    *,
    categories: Sequence[str],
    actions: Sequence[str],
    info: Mapping[str, Any],
    supercategories: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write ``annotations.json`` and ``actions.csv`` for videos that lie in ``folder``.

    Args:
        folder: of the data set.
        videos: with their truth; ``info.path`` within ``folder``, ``info.frames`` known.
        categories: species, in the order of their ids from 1.
        actions: actions, in the order of their ids from 1.
        info: the ``info`` entry.
        supercategories: of species; see `list_categories`.

    Raises:
        OutputError: if the folder cannot be written to, or a video does not fit the format (it lies outside
            the folder, its length is unknown, a species or action is not listed).
    """
    rows = _action_rows(folder, videos, actions)
    document = {
        "info": dict(info),
        "categories": list_categories(categories, supercategories),
        "actions": [{"id": k, "name": name} for k, name in enumerate(actions, start=1)],
        "videos": [_video(k, folder, video) for k, video in enumerate(videos, start=1)],
        "annotations": iterate_annotations(videos, categories),
    }
    with replacing(folder / "actions.csv") as table, replacing(folder / "annotations.json") as truth:
        with truth.open("w", encoding="utf-8", newline="\n") as file:
            write_json(file, document)
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(ACTION_COLUMNS)
            writer.writerows(rows)


def list_categories(
    categories: Sequence[str], supercategories: Mapping[str, str] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The ``categories`` entry: ids from 1, in the order given.

    Args:
        categories: their names.
        supercategories: of some of them; the others get that of `find_supercategory`.
    """
    return [
        {"id": k, "name": name, "supercategory": supercategories.get(name) or find_supercategory(name)}
        for k, name in enumerate(categories, start=1)
    ]


def iterate_annotations(
    videos: Sequence[LabelledVideo], categories: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The ``annotations`` entries, one for each track, in memory one at a time.

    Raises:
        OutputError: if a video's length is unknown, or a species is not listed.
    """
    annotation_id = 0
    for video_id, video in enumerate(videos, start=1):
        for track in video.tracks:
            annotation_id += 1
            entry = {"id": annotation_id, "video_id": video_id}
            yield entry | _annotation(track, video, categories)


def _video(video_id: int, folder: Path, video: LabelledVideo) -> dict[str, Any]:
    info = video.info
    given = {"split": video.split, "recording": video.recording}
    return {
        "id": video_id,
        "file_name": _file_name(folder, video),
        "width": info.width,
        "height": info.height,
        "length": _length(video),
        "fps": str(info.fps),
        "site": video.site,
        "camera": video.camera,
        "light": video.light,
        "recorded": video.recorded,
        **{key: value for key, value in given.items() if value},
    }


def _annotation(track: Track, video: LabelledVideo, categories: Sequence[str]) -> dict[str, Any]:
    path, length = video.info.path, _length(video)
    if track.label not in categories:
        raise OutputError(
            f"track {track.track_id} of {path} is a '{track.label}', which is not among the categories."
        )
    if track.frames[-1] >= length:
        raise OutputError(
            f"track {track.track_id} of {path} goes on at frame {track.frames[-1]}, the video ends before."
        )
    segmentations: list[dict[str, Any] | None] = [None] * length
    bboxes: list[list[float] | None] = [None] * length
    areas: list[float | None] = [None] * length
    for frame, box, mask in zip(track.frames.tolist(), track.boxes.tolist(), track.masks, strict=True):
        x1, y1, x2, y2 = box
        bboxes[frame] = [x1, y1, x2 - x1, y2 - y1]
        areas[frame] = (x2 - x1) * (y2 - y1)
        if mask is not None:
            segmentations[frame], areas[frame] = to_coco_json(mask), mask_area(mask)
    entry = {
        "track_id": track.track_id,
        "category_id": list(categories).index(track.label) + 1,
        "iscrowd": int(track.crowd),
        "width": video.info.width,
        "height": video.info.height,
        "length": length,
        "segmentations": segmentations,
        "bboxes": bboxes,
        "areas": areas,
    }
    if track.occluded is not None:
        marks: list[int | None] = [None] * length
        for frame, mark in zip(track.frames.tolist(), track.occluded.tolist(), strict=True):
            marks[frame] = int(mark)
        entry["occluded"] = marks
    return entry


def to_coco_json(mask: Rle) -> dict[str, Any]:
    """A mask as COCO JSON writes it: ``counts`` as text."""
    return to_coco(mask) | {"counts": mask.counts.decode("ascii")}


def _action_rows(
    folder: Path, videos: Sequence[LabelledVideo], actions: Sequence[str]
) -> list[tuple[str, int, str, int, int]]:
    rows = []
    for video in videos:
        name = _file_name(folder, video)
        for label in sorted(video.actions, key=lambda label: (label.track_id, label.start_frame)):
            if label.action not in actions:
                raise OutputError(
                    f"track {label.track_id} of {video.info.path} is labelled '{label.action}', "
                    "which is not among the actions; add it."
                )
            rows.append((name, label.track_id, label.action, label.start_frame, label.end_frame))
    return rows


def _file_name(folder: Path, video: LabelledVideo) -> str:
    try:
        return video.info.path.relative_to(folder).as_posix()
    except ValueError as error:
        raise OutputError(
            f"{video.info.path} does not lie in the data set's folder {folder}; put the videos there first."
        ) from error


def _length(video: LabelledVideo) -> int:
    if video.info.frames is None:
        raise OutputError(
            f"the number of frames of {video.info.path} is unknown; decode it once to count them."
        )
    return video.info.frames
