"""Write Label Studio's tasks with their annotations; what they mean stands in its reader.

See :mod:`wildact.datasets.formats.label_studio.read`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from wildact.atomic import replacing
from wildact.datasets.bouts import boxed_actions
from wildact.datasets.dataset import Dataset, relative_name
from wildact.datasets.formats.keyframes import find_keyframes
from wildact.errors import OutputError
from wildact.export.json_stream import write_json
from wildact.labels import LabelledVideo
from wildact.types import Float64, Track

_SAME = 1e-9
"""Boxes come back exactly: single precision tells differences of 6e-8 of a value."""


def write_label_studio(dataset: Dataset, path: Path) -> None:
    """Write tasks with their annotations, for Label Studio's import.

    Raises:
        OutputError: if the file cannot be written, or a video with boxes has an unknown frame size.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        write_json(file, (_task(dataset, video) for video in dataset.videos))


def _task(dataset: Dataset, video: LabelledVideo) -> dict[str, Any]:
    info = video.info
    facts = {
        "width": info.width or None,
        "height": info.height or None,
        "frames": info.frames,
        "fps": str(info.fps) if info.fps else None,
        "site": video.site or None,
        "camera": video.camera or None,
        "light": video.light,
        "recorded": video.recorded,
        "species": list(dataset.species),
        "actions": list(dataset.actions),
    }
    known = {key: value for key, value in facts.items() if value is not None}
    data: dict[str, Any] = {"video": relative_name(dataset, video), "wildact": known}
    if info.fps:
        data["fps"] = float(info.fps)
    return {"data": data, "annotations": [{"result": [*_boxes(video), *_timeline(video)]}]}


def _boxes(video: LabelledVideo) -> Iterator[dict[str, Any]]:
    info = video.info
    share = (
        100 / np.array([info.width, info.height, info.width, info.height], np.float64) if info.width else None
    )
    for track in video.tracks:
        if share is None:
            raise OutputError(
                f"the frame size of {info.path} is unknown; Label Studio's boxes are shares of it."
            )
        value: dict[str, Any] = {"sequence": _sequence(track, share, info.fps)}
        if info.frames is not None:
            value["framesCount"] = info.frames
        if info.duration is not None:
            value["duration"] = float(info.duration)
        yield {
            "id": f"track{track.track_id}",
            "type": "videorectangle",
            "from_name": "box",
            "to_name": "video",
            "value": value | {"labels": [track.label]},
        }


def _sequence(track: Track, share: Float64, fps: Fraction) -> list[dict[str, Any]]:
    """Keyframes; the last before each gap, and of the track, is not enabled."""
    boxes = track.boxes.astype(np.float64)
    starts = [0, *(np.flatnonzero(np.diff(track.frames) > 1) + 1).tolist(), len(track)]
    keys = np.zeros(len(track), bool)
    for start, stop in pairwise(starts):
        run = slice(start, stop)
        keys[run] = find_keyframes(track.frames[run], boxes[run], tolerance=_SAME, relative=True)
    lasts = set(np.array(starts[1:]) - 1)
    sequence = []
    for k in np.flatnonzero(keys).tolist():
        x1, y1, x2, y2 = (boxes[k] * share).tolist()
        frame = int(track.frames[k])
        key = {"frame": frame + 1, "enabled": k not in lasts, "rotation": 0}
        key |= {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        sequence.append(key | ({"time": float(frame / fps)} if fps else {}))
    return sequence


def _timeline(video: LabelledVideo) -> Iterator[dict[str, Any]]:
    for number, label in enumerate(boxed_actions(video), start=1):
        yield {
            "id": f"bout{number}",
            "type": "timelinelabels",
            "from_name": "actions",
            "to_name": "video",
            "parentID": f"track{label.track_id}",
            "value": {
                "ranges": [{"start": label.start_frame + 1, "end": label.end_frame}],
                "timelinelabels": [label.action],
            },
        }
