"""One track of a CVAT file: from shapes at some frames to boxes, masks and actions at all of them.

As in CVAT, boxes move linearly from one shape to the next, and polygons as
``polygons`` says; masks stay on their own frame. From a shape that is ``outside``
the animal is hidden until the next. A track that ends with a visible keyframe goes on to the end of the task;
one that ends with any other shape ends there.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from wildact.datasets.formats.cvat.meta import Task
from wildact.datasets.formats.cvat.polygons import interpolate_polygon
from wildact.datasets.formats.keyframes import interpolate
from wildact.datasets.formats.segmentation import draw_polygons
from wildact.masks import mask_to_box
from wildact.types import ActionLabel, Float64, Int64, Rle, Track

BOX, POLYGON, MASK = range(3)
NO_VALUE = -1


@dataclass(slots=True)
class Shapes:
    """The shapes of one track, in little memory.

    Attributes:
        label: species.
        track_id: the animal's number.
        task_id: of the task that it belongs to.
        frames: of each shape.
        outside: 1 where the animal is not visible from here on.
        occluded: 1 where it is partly hidden.
        keyframe: 1 where a person drew it.
        kinds: BOX, POLYGON or MASK.
        boxes: four numbers for each shape, xyxy; of a polygon or mask the box around it.
        polygons: number of a shape -> its (P, 2) points.
        masks: number of a shape -> its mask.
        actions: index of the action of each shape, or NO_VALUE.
    """

    label: str
    track_id: int
    task_id: str = ""
    frames: array[int] = field(default_factory=lambda: array("q"))
    outside: bytearray = field(default_factory=bytearray)
    occluded: bytearray = field(default_factory=bytearray)
    keyframe: bytearray = field(default_factory=bytearray)
    kinds: bytearray = field(default_factory=bytearray)
    boxes: array[float] = field(default_factory=lambda: array("d"))
    polygons: dict[int, Float64] = field(default_factory=dict)
    masks: dict[int, Rle] = field(default_factory=dict)
    actions: array[int] = field(default_factory=lambda: array("i"))

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def is_mask(self) -> bool:
        """Whether it consists of masks only."""
        return len(self) > 0 and all(kind == MASK for kind in self.kinds)


def fill_frames(
    shapes: Shapes, task: Task, actions: list[str], dropped: Counter[tuple[str, str]]
) -> tuple[Track | None, list[ActionLabel]]:
    """All frames of a track, and what the animal does.

    Args:
        shapes: at least one.
        task: that it belongs to.
        actions: names that the shapes' actions index.
        dropped: takes the number of frames that come to nothing.

    Returns:
        The track, None where the animal is never visible; and its actions.

    Raises:
        ValueError: if two shapes are of the same frame, or a polygon lies far outside.
    """
    order = np.argsort(np.array(shapes.frames, np.int64), kind="stable")
    known = np.array(shapes.frames, np.int64)[order]
    if len(twice := known[1:][known[1:] == known[:-1]]):
        raise ValueError(f"there are two shapes for frame {twice[0]}")
    counts = _count_frames(shapes, known, order, task)
    ends = np.cumsum(counts)
    within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    frames = np.repeat(known, counts) + within * task.step
    labels = _read_actions(shapes, known, order, frames, task, actions)
    if len(frames) == 0:
        return None, []
    boxes = interpolate(frames, known, np.array(shapes.boxes, np.float64).reshape(-1, 4)[order])
    masks: list[Rle | None] = [None] * len(frames)
    sources = np.repeat(np.arange(len(known)), counts)
    good = np.ones(len(frames), bool)
    if shapes.polygons or shapes.masks:
        _draw(shapes, order, known, frames, sources, task, boxes, masks, good)
    dropped["polygon without area", "polygons without area"] += int(np.count_nonzero(~good))
    if not good.any():
        return None, []
    occluded = np.frombuffer(bytes(shapes.occluded), np.uint8)[order][sources][good].astype(bool)
    track = Track(
        track_id=shapes.track_id,
        label=shapes.label,
        label_score=1.0,
        frames=frames[good],
        boxes=boxes[good].astype(np.float32),
        scores=np.ones(int(good.sum()), np.float32),
        masks=tuple(mask for mask, usable in zip(masks, good.tolist(), strict=True) if usable),
        occluded=occluded if occluded.any() else None,
    )
    return track, labels


def _count_frames(shapes: Shapes, known: Int64, order: Int64, task: Task) -> Int64:
    """How many frames each shape stands for: those up to the next shape; none where it is outside."""
    kinds = np.frombuffer(bytes(shapes.kinds), np.uint8)[order]
    outside = np.frombuffer(bytes(shapes.outside), np.uint8)[order].astype(bool)
    end = known[-1] + 1
    last = order[-1]
    if task.frames is not None and shapes.keyframe[last] and kinds[-1] != MASK:
        end = max(end, task.frames)
    spans = -(-np.diff(known, append=end) // task.step)
    alone = (kinds == MASK) | np.append(kinds[1:] != kinds[:-1], False)
    return np.asarray(np.where(outside, 0, np.where(alone, 1, spans)), np.int64)


def _draw(
    shapes: Shapes,
    order: Int64,
    known: Int64,
    frames: Int64,
    sources: Int64,
    task: Task,
    boxes: Float64,
    masks: list[Rle | None],
    good: np.ndarray,
) -> None:
    """Fill in the masks, and their boxes, of frames that come from polygons and masks."""
    for k, (frame, source) in enumerate(zip(frames.tolist(), sources.tolist(), strict=True)):
        number = int(order[source])
        if number in shapes.masks:
            masks[k] = shapes.masks[number]
        elif number in shapes.polygons:
            points = shapes.polygons[number]
            following = int(order[source + 1]) if source + 1 < len(order) else -1
            if frame > known[source] and following in shapes.polygons:
                share = (frame - known[source]) / (known[source + 1] - known[source])
                points = interpolate_polygon(points, shapes.polygons[following], share)
            masks[k] = draw_polygons([points], task.width, task.height)
            boxes[k] = [*points.min(axis=0), *points.max(axis=0)]
        if (mask := masks[k]) is not None:
            boxes[k] = mask_to_box(mask)
        good[k] = bool((boxes[k, 2:] > boxes[k, :2]).all())


def _read_actions(
    shapes: Shapes, known: Int64, order: Int64, frames: Int64, task: Task, names: list[str]
) -> list[ActionLabel]:
    """Runs of the same action. A shape's action lasts until the next shape, also while the animal is hidden.

    After the last shape nothing is known: an action that it tells lasts as long as its box. Where it tells
    of a hidden animal on the last frame of the task, there is no later frame to end on, and it lasts for it.
    """
    values = np.array(shapes.actions, np.int64)[order]
    last = int(known[-1])
    end = last + int(task.frames is not None and last == task.frames - 1)
    if len(frames):
        end = max(end, int(frames[-1]) + 1)
    edges = [*known.tolist(), end]
    runs: list[list[int]] = []
    for value, (start, stop) in zip(values.tolist(), pairwise(edges), strict=True):
        if runs and runs[-1][0] == value and runs[-1][2] == start:
            runs[-1][2] = stop
        else:
            runs.append([value, start, stop])
    return [
        ActionLabel(shapes.track_id, names[value], start, stop)
        for value, start, stop in runs
        if value != NO_VALUE and stop > start
    ]
