"""Read CVAT for video 1.1: tracks of boxes, polygons and masks, with what the animal does as an attribute.

An attribute that can change from frame to frame and has a list of values (CVAT: mutable, select) becomes
actions. CVAT has no tracks of masks: a mask is one frame, and belongs to the track of boxes of the same
group, where there is just one such.

Reference: CVAT documentation, "XML annotation format", version 1.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_name
from wildact.datasets.formats.cvat.meta import NO_ACTION, Meta, Task, guess_task, read_meta, with_size
from wildact.datasets.formats.cvat.shapes import read_box, read_mask, read_polygon, read_whole, turn_box
from wildact.datasets.formats.cvat.track import BOX, MASK, NO_VALUE, POLYGON, Shapes, fill_frames
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.xml_stream import Event, iterate_xml
from wildact.datasets.limits import LARGEST
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import mask_to_box
from wildact.types import Track

_KINDS = {"box": BOX, "polygon": POLYGON, "mask": MASK}
_OTHERS = frozenset({"polyline", "points", "cuboid", "ellipse", "skeleton"})
_NO_FACTS = Facts()


@dataclass(slots=True)
class _Video:
    """What was read of one task's video: tracks with their group and whether they are masks; actions."""

    tracks: list[tuple[int, bool, Track]] = field(default_factory=list)
    actions: list[ActionLabel] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    """A file while it is read."""

    path: Path
    root: Path
    facts: Facts
    meta: Meta
    dropped: Counter[Thing]
    videos: dict[str, _Video] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)

    def find_task(self, where: str, task_id: str) -> str:
        """The key of a track's task."""
        key = next(iter(self.meta.tasks)) if len(self.meta.tasks) == 1 else task_id
        if key not in self.meta.tasks:
            raise DatasetError(f"{where}: there is no task {key!r}.")
        return key

    def sized_task(self, where: str, task_id: str) -> Task:
        """The task, its frame size asked for where the file does not tell it."""
        key = self.find_task(where, task_id)
        self.meta.tasks[key] = with_size(where, self.meta.tasks[key], self.root, self.facts)
        return self.meta.tasks[key]


def read_cvat(path: Path, facts: Facts = _NO_FACTS, *, action_attribute: str | None = None) -> Dataset:
    """Read an XML file, or all in a folder, each track in turn: memory is that of the arrays.

    Args:
        path: of a task, job or project; or a folder, in which the files' places count as those of the videos.
        facts: tell the frame size, where masks and polygons need it and the file does not tell.
        action_attribute: that tells what an animal does; None: the only one that changes and has values.

    Raises:
        DatasetError: naming file and line.
    """
    root = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise DatasetError(f"{path} holds no XML file.")
    dropped: Counter[Thing] = Counter()
    species: list[str] = []
    actions: list[str] = []
    videos: list[LabelledVideo] = []
    for file in files:
        read = _read_file(file, root, facts, action_attribute, dropped)
        species += read.meta.labels
        actions += read.meta.actions
        videos += [
            _build(file, task, read.videos.get(key, _Video()), dropped)
            for key, task in read.meta.tasks.items()
        ]
    return build_dataset(str(path), root, videos, species=species, actions=actions, dropped=dropped)


def _read_file(path: Path, root: Path, facts: Facts, attribute: str | None, dropped: Counter[Thing]) -> _File:
    meta = Meta({"": guess_task(path, root)}, attribute=attribute)
    file = _File(path, root, facts, meta, dropped)
    events = iterate_xml(path)
    first = next(events, None)
    if first is None or first.tag != "annotations":
        raise DatasetError(f"{path}, line 1: this is no CVAT file, which begins with <annotations>.")
    for event in events:
        where = f"{path}, line {event.line}"
        if not event.start:
            continue
        if event.tag == "meta":
            file.meta = read_meta(where, path, root, events, attribute)
        elif event.tag == "track":
            _read_track(where, file, event, events)
        elif event.tag == "image":
            raise DatasetError(
                f"{where}: this is 'CVAT for images', which does not say what is the same animal; "
                "export it as 'CVAT for video 1.1'."
            )
    return file


def _read_track(where: str, file: _File, start: Event, events: Iterator[Event]) -> None:
    """Read a track into its video."""
    label = start.attributes.get("label", "")
    if file.meta.is_complete and label not in file.meta.labels:
        raise DatasetError(f"{where}: label {label!r} is not among the file's labels.")
    if not file.meta.is_complete and label not in file.meta.labels:
        file.meta.labels.append(check_name(where, "a species", label))
    number = read_whole(where, start.attributes, "id", least=-1, most=LARGEST - 1)
    if number in file.ids:
        raise DatasetError(f"{where}: there is another track {number}; give each its own id.")
    file.ids.add(number)
    group = read_whole(where, {"group_id": "0"} | start.attributes, "group_id", most=LARGEST)
    shapes = Shapes(label, number + 1, start.attributes.get("task_id", ""))
    others: set[str] = set()
    for event in events:
        if not event.start:  # of the track: what is in it ends within _read_shape
            break
        _read_shape(f"{file.path}, line {event.line}", file, shapes, event, events, others)
    for name in others:
        file.dropped[f"attribute '{name}' of a track", f"attributes '{name}' of tracks"] += 1
    if len(shapes) == 0:
        return
    key = file.find_task(where, shapes.task_id)
    try:
        track, actions = fill_frames(shapes, file.meta.tasks[key], file.meta.actions, file.dropped)
    except ValueError as error:
        raise DatasetError(f"{where}: track {number}: {error}.") from error
    if track is None:
        file.dropped["track that is nowhere visible", "tracks that are nowhere visible"] += 1
        return
    video = file.videos.setdefault(key, _Video())
    video.tracks.append((group, shapes.is_mask, track))
    video.actions += actions


def _read_shape(
    where: str, file: _File, shapes: Shapes, start: Event, events: Iterator[Event], others: set[str]
) -> None:
    """Read a shape, to its end, into those of its track."""
    action = shapes.actions[-1] if shapes.actions else NO_VALUE  # what is not said again stays
    name, depth = "", 1
    for event in events:
        depth += 1 if event.start else -1
        if event.start and event.tag == "attribute" and depth == 2:
            name = event.attributes.get("name", "")
        elif not event.start and event.tag == "attribute" and depth == 1:
            if _holds_actions(where, file.meta, name):
                action = _action(where, file.meta, event.text)
            else:
                others.add(name)
        if depth == 0:
            break
    if start.tag not in _KINDS:
        if start.tag in _OTHERS:
            file.dropped[f"shape of the kind '{start.tag}'", f"shapes of the kind '{start.tag}'"] += 1
        return
    _add_shape(where, file, shapes, start)
    shapes.actions.append(action)


def _holds_actions(where: str, meta: Meta, name: str) -> bool:
    """Whether an attribute tells what an animal does; in a file without a head its only one does."""
    if not meta.is_complete:
        if meta.attribute is None:
            meta.attribute, meta.is_guess = name, True
        elif meta.is_guess and name != meta.attribute:
            raise DatasetError(
                f"{where}: both '{meta.attribute}' and '{name}' could tell what an animal does; say which "
                "(--action-attribute)."
            )
    return name == meta.attribute


def _action(where: str, meta: Meta, value: str) -> int:
    """Index of an action; one that the head does not list is an error where there is such a list."""
    if value in NO_ACTION:
        return NO_VALUE
    if value not in meta.actions:
        if meta.is_complete and meta.actions:
            raise DatasetError(f"{where}: {value!r} is not among the values of '{meta.attribute}'.")
        meta.actions.append(check_name(where, "an action", value))
    return meta.actions.index(value)


def _add_shape(where: str, file: _File, shapes: Shapes, start: Event) -> None:
    attributes, kind = start.attributes, _KINDS[start.tag]
    frame = read_whole(where, attributes, "frame")
    outside = attributes.get("outside") == "1"
    number = len(shapes)
    if kind == BOX:
        box = read_box(where, attributes)
        if attributes.get("rotation"):
            task = file.meta.tasks[file.find_task(where, shapes.task_id)]
            box = turn_box(where, box, attributes["rotation"], task)
            file.dropped["rotation of a box", "rotations of boxes"] += 1
    elif kind == POLYGON:
        file.sized_task(where, shapes.task_id)
        points = read_polygon(where, attributes)
        shapes.polygons[number] = points
        (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        box = x1, y1, x2, y2
    else:
        mask = read_mask(where, attributes, file.sized_task(where, shapes.task_id))
        shapes.masks[number] = mask
        x1, y1, x2, y2 = mask_to_box(mask).tolist()
        box = x1, y1, x2, y2
    if not outside and kind == BOX and not (box[0] < box[2] and box[1] < box[3]):
        raise DatasetError(f"{where}: the box of frame {frame} is empty.")
    shapes.frames.append(frame)
    shapes.outside.append(outside)
    shapes.occluded.append(attributes.get("occluded") == "1")
    shapes.keyframe.append(attributes.get("keyframe", "1") == "1")
    shapes.kinds.append(kind)
    shapes.boxes.extend(box)


def _build(file: Path, task: Task, read: _Video, dropped: Counter[Thing]) -> LabelledVideo:
    tracks = _join_masks(read.tracks, dropped)
    ids = {track.track_id for track in tracks}
    actions = [label for label in read.actions if label.track_id in ids]
    what = "of a mask that belongs to a track"
    dropped[f"action {what}", f"actions {what}"] += len(read.actions) - len(actions)
    size = (task.width, task.height)
    return build_video(str(file), task.path, size=size, frames=task.frames, tracks=tracks, actions=actions)


def _join_masks(read: list[tuple[int, bool, Track]], dropped: Counter[Thing]) -> list[Track]:
    """Put the masks of a group onto its one track of boxes; all other tracks stay as they are."""
    groups: dict[int, list[tuple[bool, Track]]] = {}
    for group, is_mask, track in read:
        groups.setdefault(group, []).append((is_mask, track))
    joined = [track for _, track in groups.pop(0, [])]
    for members in groups.values():
        of_group = _join_group(members)
        joined += of_group
        dropped["group of tracks", "groups of tracks"] += len(of_group) > 1
    return joined


def _join_group(members: list[tuple[bool, Track]]) -> list[Track]:
    leaders = [track for is_mask, track in members if not is_mask]
    masks = {int(track.frames[0]): track for is_mask, track in members if is_mask}
    if len(leaders) != 1 or len(masks) + 1 != len(members):
        return [track for _, track in members]
    (leader,) = leaders
    fitting = all(len(mask) == 1 and mask.label == leader.label for mask in masks.values())
    if not fitting or not set(masks) <= set(leader.frames.tolist()):
        return [track for _, track in members]
    own = zip(leader.frames.tolist(), leader.masks, strict=True)
    joined = tuple(masks[frame].masks[0] if frame in masks else mask for frame, mask in own)
    hidden = [frame for frame, mask in masks.items() if mask.occluded is not None and mask.occluded.any()]
    occluded = leader.occluded
    if hidden:
        marked = np.isin(leader.frames, hidden)
        occluded = marked if occluded is None else occluded | marked
    return [replace(leader, masks=joined, occluded=occluded)]
