"""A training image with its objects, and the geometric changes that both go through together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from wildact.labels import LabelledVideo
from wildact.masks import decode_mask
from wildact.types import Bool, Float32, Image, Int64

MIN_AREA_PX = 16
"""Objects with fewer visible pixels are ignore regions: a network cannot learn from them."""

MIN_VISIBLE = 0.25
"""Objects of which a cut leaves a smaller share of the box are ignore regions."""

FILL = 114
"""Grey level of a mosaic where no image lies."""

Target = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one image.

    Attributes:
        boxes: (N, 4) float32 xyxy pixels.
        labels: (N,) int64, class ids from 1.
        masks: (N, H, W) bool; empty masks where there is none.
        has_mask: (N,) bool.
        ignored: (M, 4) float32 xyxy pixels, ignore regions.
    """

    boxes: Float32
    labels: Int64
    masks: Bool
    has_mask: Bool
    ignored: Float32

    def select(self, keep: Bool) -> Objects:
        """Return the objects where (N,) bool ``keep`` is True; ignore regions stay."""
        return Objects(
            self.boxes[keep], self.labels[keep], self.masks[keep], self.has_mask[keep], self.ignored
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """A scaled image cut to a rectangle.

    Attributes:
        factor: scale.
        x: first column of the scaled image.
        y: first row of the scaled image.
        width: of the cut at most, pixels.
        height: of the cut at most, pixels.
    """

    factor: float
    x: int
    y: int
    width: int
    height: int


def read_objects(video: LabelledVideo, frame: int, species: Sequence[str]) -> Objects:
    """Return the objects labelled on a frame; crowds become ignore regions.

    Args:
        video: with its labels.
        frame: index.
        species: class names; the label is the index of one of them, plus 1.
    """
    height, width = video.info.height, video.info.width
    boxes, labels, masks, ignored = [], [], [], []
    for track in video.tracks:
        place = track.place_of(frame)
        if place is None:
            continue
        if track.crowd:
            ignored.append(track.boxes[place])
            continue
        boxes.append(track.boxes[place])
        labels.append(species.index(track.label) + 1)
        masks.append(track.masks[place])
    if any(mask is not None for mask in masks):
        bitmaps = [np.zeros((height, width), bool) if mask is None else decode_mask(mask) for mask in masks]
        stacked = np.array(bitmaps, bool)
    else:  # takes no memory
        stacked = np.broadcast_to(np.False_, (len(masks), height, width))
    return Objects(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        masks=stacked,
        has_mask=np.array([mask is not None for mask in masks], bool),
        ignored=np.array(ignored, np.float32).reshape(-1, 4),
    )


def draw_cut(
    rng: Generator,
    boxes: Float32,
    size: tuple[int, int],
    *,
    scale: tuple[float, float],
    width: int,
    height: int,
    focus: float = 0.0,
    cover: bool = False,
) -> Cut:
    """Draw a scale, and a rectangle of at most ``width`` x ``height`` in the scaled image.

    Args:
        rng: random generator.
        boxes: (N, 4) of the objects of the image.
        size: height and width of the image.
        scale: range of the scale, relative to the one at which the image fills ``width`` x ``height``.
        width: pixels.
        height: pixels.
        focus: probability that the rectangle holds the centre of a random object; else it lies anywhere.
        cover: scales are relative to the one at which the image covers the rectangle.
    """
    sides = (width / size[1], height / size[0])
    fit = max(sides) if cover else min(sides)
    factor = fit * float(np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]))))
    scaled = (max(1, round(size[1] * factor)), max(1, round(size[0] * factor)))
    if rng.random() < focus and len(boxes):
        box = boxes[rng.integers(len(boxes))] * factor
        x = _draw_start(rng, float(box[0] + box[2]) / 2, scaled[0], width)
        y = _draw_start(rng, float(box[1] + box[3]) / 2, scaled[1], height)
    else:
        x = int(rng.integers(0, max(0, scaled[0] - width) + 1))
        y = int(rng.integers(0, max(0, scaled[1] - height) + 1))
    return Cut(factor, x, y, width, height)


def _draw_start(rng: Generator, inside: float, length: int, cut: int) -> int:
    """Return a random start, within ``length``, of a cut that holds the point ``inside``."""
    last = max(0, length - cut)
    low = min(max(0, int(inside) - cut + 1), last)
    return int(rng.integers(low, max(low, min(int(inside), last)) + 1))


def cut_image(image: Image, cut: Cut) -> Image:
    """Scale and cut a (H, W, 3) uint8 image."""
    return np.ascontiguousarray(_scale(image, cut.factor)[_window(cut)])


def cut_objects(objects: Objects, cut: Cut) -> Objects:
    """Scale and cut objects as `cut_image` does their image.

    Boxes of cut objects end where their masks do. Objects of which too little is left are ignore regions.
    """
    height, width = objects.masks.shape[1:]
    scaled = _scaled_size(width, height, cut.factor)
    window = _window(cut)
    inside = (min(cut.height, scaled[1] - cut.y), min(cut.width, scaled[0] - cut.x))
    bitmaps = np.zeros((len(objects.masks), *inside), bool)
    for i in np.flatnonzero(objects.has_mask):
        # OpenCV's nearest neighbour would be half a pixel off
        bitmaps[i] = _scale(objects.masks[i] * np.uint8(255), cut.factor)[window] > 127
    whole = objects.boxes * cut.factor
    boxes = _clip(whole, cut, inside)
    for i in np.flatnonzero(objects.has_mask):
        if bitmaps[i].any() and not np.allclose(boxes[i, 2:] - boxes[i, :2], whole[i, 2:] - whole[i, :2]):
            boxes[i] = _bound(bitmaps[i])
    areas, before = _areas(boxes), _areas(whole)
    seen = np.where(objects.has_mask, bitmaps.sum(axis=(1, 2)), areas)
    keep = (seen >= MIN_AREA_PX) & (areas >= MIN_VISIBLE * before)
    ignored = np.concatenate([_clip(objects.ignored * cut.factor, cut, inside), boxes[~keep]])
    return Objects(boxes, objects.labels, bitmaps, objects.has_mask, ignored[_areas(ignored) >= 1]).select(
        keep
    )


def join_mosaic(
    parts: Sequence[tuple[Image, Objects]], corners: Sequence[tuple[int, int]], size: tuple[int, int]
) -> tuple[Image, Objects]:
    """Put images side by side on one canvas.

    Args:
        parts: images with their objects.
        corners: x and y at which each image's first pixel lies; images must fit and not overlap.
        size: height and width of the canvas.

    Reference: Bochkovskiy et al. 2020, YOLOv4, section 3.3 (mosaic).
    """
    canvas = np.full((*size, 3), FILL, np.uint8)
    moved = []
    for (image, objects), (x, y) in zip(parts, corners, strict=True):
        canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
        masks = np.zeros((len(objects.masks), *size), bool)
        masks[:, y : y + image.shape[0], x : x + image.shape[1]] = objects.masks
        shift = np.array([x, y, x, y], np.float32)
        moved.append(
            replace(objects, boxes=objects.boxes + shift, masks=masks, ignored=objects.ignored + shift)
        )
    names = ("boxes", "labels", "masks", "has_mask", "ignored")
    return canvas, Objects(*(np.concatenate([getattr(one, name) for one in moved]) for name in names))


def mirror_objects(objects: Objects) -> Objects:
    """Mirror objects left to right."""
    width = objects.masks.shape[2]
    boxes, ignored = objects.boxes.copy(), objects.ignored.copy()
    for of in (boxes, ignored):
        of[:, [0, 2]] = width - of[:, [2, 0]]
    return replace(objects, boxes=boxes, masks=objects.masks[:, :, ::-1], ignored=ignored)


def make_target(objects: Objects) -> Target:
    """Return the target that `wildact.detect.mask_rcnn.MaskRCNN.forward` takes."""
    return {
        "boxes": torch.from_numpy(objects.boxes.astype(np.float32)),
        "labels": torch.from_numpy(objects.labels.astype(np.int64)),
        "masks": torch.from_numpy(np.ascontiguousarray(objects.masks).astype(np.uint8)),
        "has_mask": torch.from_numpy(objects.has_mask.astype(bool)),
        "ignored": torch.from_numpy(objects.ignored.astype(np.float32)),
    }


def _scaled_size(width: int, height: int, factor: float) -> tuple[int, int]:
    return max(1, round(width * factor)), max(1, round(height * factor))


def _scale(image: Image, factor: float) -> Image:
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    size = _scaled_size(image.shape[1], image.shape[0], factor)
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _window(cut: Cut) -> tuple[slice, slice]:
    return np.s_[cut.y : cut.y + cut.height, cut.x : cut.x + cut.width]


def _clip(boxes: Float32, cut: Cut, inside: tuple[int, int]) -> Float32:
    """Boxes of the scaled image in pixels of the cut, clipped to it."""
    moved = boxes - np.array([cut.x, cut.y, cut.x, cut.y], np.float32)
    return np.clip(moved, 0, np.array([inside[1], inside[0]] * 2)).astype(np.float32)


def _areas(boxes: Float32) -> Float32:
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.float32)


def _bound(mask: Bool) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
