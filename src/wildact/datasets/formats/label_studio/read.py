"""Label Studio, video: boxes as ``VideoRectangle`` with keyframes, actions as ``TimelineLabels``.

A box moves linearly from one keyframe to the next; after a keyframe that is not ``enabled`` the animal is
hidden until the next. Frames are counted from 1, ranges include their last frame, and boxes are per cent of
the frame. An action belongs to the animal whose region is its parent (``parentID``) or related to it; where a
video has one animal only, to that.

Label Studio keeps whatever stands in the ``data`` of a task: there wildact writes the facts of the video,
under ``wildact``, and ``fps`` for ``<Video framerate="$fps"/>``.

Reference: Label Studio documentation, tags Video, VideoRectangle and TimelineLabels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from pydantic import TypeAdapter, ValidationError

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_name, check_unique, video_path
from wildact.datasets.formats.documents import describe_error, load_document
from wildact.datasets.formats.facts import Facts, read_rate
from wildact.datasets.formats.keyframes import interpolate
from wildact.datasets.formats.label_studio.model import Data, KeyFrame, Region, Sequence, Task, Timeline
from wildact.datasets.limits import MAX_PIXELS, MAX_PX
from wildact.datasets.words import Thing, quote
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import Int64, Track

_NO_FACTS = Facts()
_KINDS = ("videorectangle", "labels", "timelinelabels", "relation")
T = TypeVar("T")


@dataclass(slots=True)
class _Names:
    """Species and actions so far, in order, and what was dropped."""

    species: dict[str, None] = field(default_factory=dict)
    actions: dict[str, None] = field(default_factory=dict)
    dropped: Counter[Thing] = field(default_factory=Counter)


def read_label_studio(path: Path, facts: Facts = _NO_FACTS) -> Dataset:
    """Read a JSON export (type "JSON", not "JSON_MIN").

    Args:
        path: the file.
        facts: tell the frame size, where the tasks' data do not.

    Raises:
        DatasetError: naming the task that is wrong.
    """
    names = _Names()
    videos = []
    for number, task in enumerate(load_document(path, list[Task])):
        where = f"{path}: task {number if task.id is None else task.id}"
        videos.append(_read_task(where, path.parent, task, facts, names))
    return build_dataset(
        str(path), path.parent, videos, species=names.species, actions=names.actions, dropped=names.dropped
    )


def _read_task(where: str, root: Path, task: Task, facts: Facts, names: _Names) -> LabelledVideo:
    data = _validate(f"{where}: data.wildact", Data, task.data.get("wildact", {}))
    name = _video_name(where, task.data)
    path = video_path(where, root, name)
    for kind, listed, known in (("a species", data.species, names.species),
                                ("an action", data.actions, names.actions)):  # fmt: skip
        known |= dict.fromkeys(check_name(where, kind, one) for one in listed)
    valid = [annotation for annotation in task.annotations if not annotation.was_cancelled]
    names.dropped["annotation of a further person", "annotations of further people"] += max(0, len(valid) - 1)
    names.dropped["prediction", "predictions"] += len(task.predictions)
    regions = valid[0].result if valid else []
    for region in regions:
        if region.type.lower() not in _KINDS:
            kind = f"of the kind {quote(region.type)}"
            names.dropped[f"region {kind}", f"regions {kind}"] += 1
    boxes = [region for region in regions if region.type.lower() == "videorectangle"]
    size = (data.width, data.height)
    if boxes and not all(size):
        size = facts.find_size(where, name)
    if size[0] * size[1] > MAX_PIXELS:
        raise DatasetError(f"{where}: no video has frames of {size[0]} x {size[1]} pixels.")
    frames, tracks = _read_tracks(where, regions, boxes, size, data.frames, names)
    actions = _read_actions(where, regions, tracks, names)
    return build_video(
        where,
        path,
        size=size,
        fps=read_rate(where, data.fps),
        frames=frames,
        tracks=tracks.values(),
        actions=actions,
        site=data.site,
        camera=data.camera,
        light=data.light,
        recorded=data.recorded,
    )


def _validate(where: str, model: type[T], value: Any) -> T:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        raise DatasetError(f"{where}: {describe_error(error)}.") from error


def _video_name(where: str, data: Mapping[str, Any]) -> str:
    """The video's name: a relative path as it is; of an address or an absolute path the last part."""
    value = data.get("video", data.get("video_url"))
    if not isinstance(value, str):
        raise DatasetError(f"{where}: its data name no 'video'.")
    address = urlsplit(value) if "://" in value or value.startswith("/") else None
    if address is None:
        return value
    local = parse_qs(address.query).get("d", [])  # /data/local-files/?d=FOLDER/NAME
    return PurePosixPath(local[0] if local else unquote(address.path)).name


def _read_tracks(
    where: str,
    regions: list[Region],
    boxes: list[Region],
    size: tuple[int, int],
    length: int | None,
    names: _Names,
) -> tuple[int | None, dict[str, Track]]:
    """Length of the video, and the track of each region."""
    check_unique(where, "region", (region.id for region in boxes))
    labels = {region.id: region.value.get("labels") for region in regions if region.type.lower() == "labels"}
    numbers = [re.fullmatch(r"track([0-9]{1,9})", region.id or "") for region in boxes]
    own = all(numbers) and len(numbers) > 0
    tracks: dict[str, Track] = {}
    for k, (region, number) in enumerate(zip(boxes, numbers, strict=True), start=1):
        what = f"{where}: region {region.id}"
        value = _validate(what, Sequence, region.value)
        length = length if length is not None else value.framesCount or None
        chosen = value.labels or labels.get(region.id) or []
        if not (isinstance(chosen, list) and len(chosen) == 1 and isinstance(chosen[0], str)):
            raise DatasetError(f"{what}: it needs one label, and has {len(chosen) if chosen else 'none'}.")
        names.species.setdefault(check_name(what, "a species", chosen[0]))
        track_id = int(number[1]) if own and number else k
        track = _fill(what, value, size, length, track_id, chosen[0], names)
        if track is not None:
            tracks[region.id or f"\0{k}"] = track
    return length, tracks


def _fill(
    where: str,
    value: Sequence,
    size: tuple[int, int],
    length: int | None,
    track_id: int,
    label: str,
    names: _Names,
) -> Track | None:
    """All frames of a sequence; None where it has none."""
    keys = sorted(value.sequence, key=lambda key: key.frame)
    check_unique(where, "frame", (key.frame for key in keys))
    if not keys:
        return None
    if any(key.rotation % 360 for key in keys):
        what = "with turned boxes, which are taken as upright"
        names.dropped[f"region {what}", f"regions {what}"] += 1
    frames = _list_frames(keys, length)
    known = np.array([[k.x, k.y, k.x + k.width, k.y + k.height] for k in keys]) / 100
    known *= np.array([*size, *size])
    if (np.abs(known) > MAX_PX).any():
        raise DatasetError(f"{where}: a box lies far outside the frame.")
    boxes = interpolate(frames, np.array([key.frame - 1 for key in keys], np.int64), known)
    return Track(
        track_id=track_id,
        label=label,
        label_score=1.0,
        frames=frames,
        boxes=boxes.astype(np.float32),
        scores=np.ones(len(frames), np.float32),
        masks=(None,) * len(frames),
    )


def _list_frames(keys: list[KeyFrame], length: int | None) -> Int64:
    """Frames, from 0, on which the animal is visible: keyframes, and those after an enabled one."""
    spans = [np.arange(a.frame - 1, b.frame - 1 if a.enabled else a.frame) for a, b in pairwise(keys)]
    last = keys[-1]
    end = max(last.frame, length or 0) if last.enabled else last.frame
    return np.concatenate([*spans, np.arange(last.frame - 1, end)]).astype(np.int64)


def _read_actions(
    where: str, regions: list[Region], tracks: dict[str, Track], names: _Names
) -> list[ActionLabel]:
    """What each animal does; bouts whose animal nobody named are counted as dropped."""
    related = {region.from_id: region.to_id for region in regions if region.type.lower() == "relation"}
    related |= {region.to_id: region.from_id for region in regions if region.type.lower() == "relation"}
    actions: list[ActionLabel] = []
    for region in regions:
        if region.type.lower() != "timelinelabels":
            continue
        what = f"{where}: region {region.id}"
        value = _validate(what, Timeline, region.value)
        owner = tracks.get(region.parentID or "") or tracks.get(related.get(region.id) or "")
        owner = next(iter(tracks.values())) if owner is None and len(tracks) == 1 else owner
        if owner is None:
            names.dropped["bout of no animal", "bouts of no animal"] += len(value.ranges)
            continue
        for action in value.timelinelabels:
            names.actions.setdefault(check_name(what, "an action", action))
            actions += [ActionLabel(owner.track_id, action, r.start - 1, r.end) for r in value.ranges]
    return actions
