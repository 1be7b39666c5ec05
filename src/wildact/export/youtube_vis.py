"""The native data format: YouTube-VIS-style ``annotations.json``, and ``actions.csv`` beside it.

Reference: Yang et al. 2019, "Video Instance Segmentation", https://youtube-vos.org/dataset/vis/; how the
native format differs stands in ``docs/data-format.md``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wildact.errors import OutputError
from wildact.export.atomic import replacing
from wildact.masks import mask_area, mask_to_box, to_coco
from wildact.types import LabelledVideo, Rle, Track

_ACTION_COLUMNS = ("video", "track_id", "action", "start_frame", "end_frame")


def save_data_set(
    folder: Path,
    videos: Sequence[LabelledVideo],
    *,
    categories: Sequence[str],
    actions: Sequence[str],
    info: Mapping[str, Any],
) -> None:
    """Write ``annotations.json`` and ``actions.csv`` for videos that lie in ``folder``.

    Args:
        folder: of the data set.
        videos: with their truth; ``info.path`` within ``folder``, ``info.frames`` known, a mask on each
            frame of a track.
        categories: species, in the order of their ids from 1.
        actions: actions, in the order of their ids from 1.
        info: the ``info`` entry.

    Raises:
        OutputError: if the folder cannot be written to, or a video does not fit the format (it lies outside
            the folder, its length is unknown, a track has no mask, a species or action is not listed).
    """
    document = build_annotations(folder, videos, categories=categories, actions=actions, info=info)
    with (
        replacing(folder / "actions.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_ACTION_COLUMNS)
        writer.writerows(_action_rows(folder, videos, actions))
    with replacing(folder / "annotations.json") as temporary:
        temporary.write_text(
            json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8"
        )


def build_annotations(
    folder: Path,
    videos: Sequence[LabelledVideo],
    *,
    categories: Sequence[str],
    actions: Sequence[str],
    info: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of ``annotations.json``; arguments and errors as of :func:`save_data_set`."""
    annotations: list[dict[str, Any]] = []
    for video_id, video in enumerate(videos, start=1):
        for track in video.tracks:
            entry = {"id": len(annotations) + 1, "video_id": video_id}
            annotations.append(entry | _annotation(track, video, categories))
    return {
        "info": dict(info),
        "categories": [
            {"id": k, "name": name, "supercategory": "animal"} for k, name in enumerate(categories, start=1)
        ],
        "actions": [{"id": k, "name": name} for k, name in enumerate(actions, start=1)],
        "videos": [_video(k, folder, video) for k, video in enumerate(videos, start=1)],
        "annotations": annotations,
    }


def _video(video_id: int, folder: Path, video: LabelledVideo) -> dict[str, Any]:
    info = video.info
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
    }


def _annotation(track: Track, video: LabelledVideo, categories: Sequence[str]) -> dict[str, Any]:
    path, length = video.info.path, _length(video)
    if track.label not in categories:
        raise OutputError(
            f"track {track.track_id} of {path} is a '{track.label}', which is not among the categories."
        )
    segmentations: list[dict[str, Any] | None] = [None] * length
    bboxes: list[list[float] | None] = [None] * length
    areas: list[int | None] = [None] * length
    for frame, mask in zip(track.frames.tolist(), track.masks, strict=True):
        if mask is None or frame >= length:
            raise OutputError(
                f"track {track.track_id} of {path} has no mask, or no such frame, at frame {frame}; "
                "this format needs both."
            )
        segmentations[frame], bboxes[frame], areas[frame] = _segmentation(mask), _bbox(mask), mask_area(mask)
    return {
        "track_id": track.track_id,
        "category_id": list(categories).index(track.label) + 1,
        "iscrowd": 0,
        "width": video.info.width,
        "height": video.info.height,
        "length": length,
        "segmentations": segmentations,
        "bboxes": bboxes,
        "areas": areas,
    }


def _segmentation(mask: Rle) -> dict[str, Any]:
    return to_coco(mask) | {"counts": mask.counts.decode("ascii")}


def _bbox(mask: Rle) -> list[float]:
    """x, y, width, height of the mask's box."""
    x1, y1, x2, y2 = mask_to_box(mask).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


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
