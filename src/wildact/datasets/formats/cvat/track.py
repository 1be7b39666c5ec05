"""One track of a CVAT file: from shapes at some frames to boxes, masks and actions at all of them.

As in CVAT, boxes move linearly from one shape to the next, and polygons as ``polygons`` says; masks stay on
their own frame. From a shape that is ``outside`` the animal is hidden until the next. A track that ends with
a visible keyframe goes on to the end of the task; one that ends with any other shape ends there.
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
from wildact.datasets.words import Thing
from wildact.labels import ActionLabel
from wildact.masks import mask_to_box
from wildact.types import Float64, Int64, Rle, Track

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


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which frames come from which shapes.

    Attributes:
        order: (S,) numbers of the shapes, in order of time.
        known: (S,) their frames, increasing.
        sources: (T,) place in ``order`` of the shape that each visible frame comes from.
        frames: (T,) the visible frames, increasing.
    """

    order: Int64
    known: Int64
    sources: Int64
    frames: Int64


def fill_frames(
    shapes: Shapes, task: Task, actions: list[str], dropped: Counter[Thing]
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
    plan = _plan(shapes, task)
    corners = np.array(shapes.boxes, np.float64).reshape(-1, 4)[plan.order]
    boxes = interpolate(plan.frames, plan.known, corners)
    masks = _draw(shapes, plan, task, boxes)
    good = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1), bool)
    dropped["polygon without area", "polygons without area"] += int(np.count_nonzero(~good))
    if not good.any():
        return None, []
    occluded = np.frombuffer(bytes(shapes.occluded), np.uint8)[plan.order][plan.sources][good].astype(bool)
    track = Track(
        track_id=shapes.track_id,
        label=shapes.label,
        label_score=1.0,
        frames=plan.frames[good],
        boxes=boxes[good].astype(np.float32),
        scores=np.ones(int(good.sum()), np.float32),
        masks=tuple(mask for mask, usable in zip(masks, good.tolist(), strict=True) if usable),
        occluded=occluded if occluded.any() else None,
    )
    return track, _read_actions(shapes, plan, task, actions)


def _plan(shapes: Shapes, task: Task) -> _Plan:
    """Each visible frame comes from the shape before it, or on it."""
    frames = np.array(shapes.frames, np.int64)
    order = np.argsort(frames, kind="stable")
    known = frames[order]
    if len(twice := known[1:][known[1:] == known[:-1]]):
        raise ValueError(f"there are two shapes for frame {twice[0]}")
    counts = _count_frames(shapes, known, order, task)
    ends = np.cumsum(counts)
    within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    sources = np.repeat(np.arange(len(known)), counts)
    return _Plan(order, known, sources, known[sources] + within * task.step)


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


def _draw(shapes: Shapes, plan: _Plan, task: Task, boxes: Float64) -> list[Rle | None]:
    """The masks of frames that come from polygons and masks; their (T, 4) boxes are put into ``boxes``."""
    masks: list[Rle | None] = [None] * len(plan.frames)
    if not shapes.polygons and not shapes.masks:
        return masks
    for k, source in enumerate(plan.sources.tolist()):
        number = int(plan.order[source])
        if number in shapes.masks:
            masks[k] = shapes.masks[number]
        elif number in shapes.polygons:
            points = _move_polygon(shapes, plan, source, int(plan.frames[k]))
            masks[k] = draw_polygons([points], task.width, task.height)
            boxes[k] = [*points.min(axis=0), *points.max(axis=0)]
        if (mask := masks[k]) is not None:
            boxes[k] = mask_to_box(mask)
    return masks


def _move_polygon(shapes: Shapes, plan: _Plan, source: int, frame: int) -> Float64:
    """(P, 2) points of a polygon on a frame, on the way to the next where that is a polygon too."""
    points, start = shapes.polygons[int(plan.order[source])], int(plan.known[source])
    following = int(plan.order[source + 1]) if source + 1 < len(plan.order) else -1
    if frame == start or following not in shapes.polygons:
        return points
    share = (frame - start) / (int(plan.known[source + 1]) - start)
    return interpolate_polygon(points, shapes.polygons[following], share)


def _read_actions(shapes: Shapes, plan: _Plan, task: Task, names: list[str]) -> list[ActionLabel]:
    """Runs of the same action. A shape's action lasts until the next shape, also while the animal is hidden.

    After the last shape nothing is known: an action that it tells lasts as long as its box. Where it tells
    of a hidden animal on the last frame of the task, there is no later frame to end on, and it lasts for it.
    """
    values = np.array(shapes.actions, np.int64)[plan.order]
    last = int(plan.known[-1])
    end = last + int(task.frames is not None and last == task.frames - 1)
    if len(plan.frames):
        end = max(end, int(plan.frames[-1]) + 1)
    edges = [*plan.known.tolist(), end]
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
