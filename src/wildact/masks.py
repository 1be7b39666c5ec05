"""Instance masks: bitmap <-> run-length encoding <-> polygon <-> box.

All masks are of the whole frame's size. The encoding is COCO's (``pycocotools``), so that every
tool of the field reads it. Reference: Lin et al. 2014, https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from operator import index
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from wildact.types import Bool, Float32, Int64, Rle

_MAX_PIXELS = 2**31 - 1  # of a frame: pycocotools counts them in 32 bits
_MAX_CODES = 7  # characters for one run: 35 bits


def encode_mask(mask: Bool) -> Rle:
    """(H, W) bool bitmap to run-length encoding."""
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return Rle(height=mask.shape[0], width=mask.shape[1], counts=encoded["counts"])


def encode_cropped_mask(crop: Bool, x: int, y: int, height: int, width: int) -> Rle:
    """Encode a bitmap that covers only a part of the frame, without painting the whole frame.

    A column-major run-length code of the frame follows from the crop's own columns, so the cost grows
    with the animal and not with the frame: on 1080p that is what keeps masks cheap.

    Args:
        crop: (h, w) bool, wholly within the frame.
        x: column of the frame at which the crop's first column lies.
        y: row of the frame at which the crop's first row lies.
        height: of the frame, pixels.
        width: of the frame, pixels.

    Raises:
        ValueError: if the crop does not lie within the frame.
    """
    h, w = crop.shape
    if x < 0 or y < 0 or x + w > width or y + h > height:
        raise ValueError(f"a {w}x{h} crop at ({x}, {y}) does not fit a {width}x{height} frame")
    padded = np.zeros((w, h + 2), np.int8)  # a border of background closes every run within its column
    padded[:, 1:-1] = crop.T
    column, row = np.nonzero(np.diff(padded, axis=1))
    change = (x + column) * height + y + row  # starts and ends of runs alternate
    starts, ends = change[0::2], change[1::2]
    joins = np.flatnonzero(starts[1:] == ends[:-1])  # a run that goes on at the top of the next column
    starts, ends = np.delete(starts, joins + 1), np.delete(ends, joins)
    edges = np.empty(2 * len(starts) + 2, np.int64)
    edges[0], edges[1:-1:2], edges[2:-1:2], edges[-1] = 0, starts, ends, height * width
    counts = np.diff(edges)
    if len(counts) > 1 and counts[-1] == 0:
        counts = counts[:-1]
    encoded = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return Rle(height=height, width=width, counts=encoded["counts"])


def decode_mask(rle: Rle) -> Bool:
    """Run-length encoding to (H, W) bool bitmap."""
    return np.asarray(coco_mask.decode(to_coco(rle)), bool)


def mask_area(rle: Rle) -> int:
    """Pixels within the mask."""
    return int(coco_mask.area(to_coco(rle)))


def mask_to_box(rle: Rle) -> Float32:
    """(4,) xyxy pixels of the tightest box around the mask; zeros for an empty mask."""
    x, y, w, h = coco_mask.toBbox(to_coco(rle))
    return np.array([x, y, x + w, y + h], np.float32)


def mask_iou(a: tuple[Rle, ...], b: tuple[Rle, ...]) -> Float32:
    """(N, M) intersection over union of each of N masks with each of M masks of the same frame size."""
    if not a or not b:
        return np.zeros((len(a), len(b)), np.float32)
    iou = coco_mask.iou([to_coco(m) for m in a], [to_coco(m) for m in b], [False] * len(b))
    return np.asarray(iou, np.float32)


def mask_overlap(a: tuple[Rle, ...], b: tuple[Rle, ...]) -> Float32:
    """(N, M) share of the smaller of two masks that lies within the other; 0 for an empty one."""
    if not a or not b:
        return np.zeros((len(a), len(b)), np.float32)
    # against a "crowd", COCO divides the intersection by the first mask's area alone
    of_first = coco_mask.iou([to_coco(m) for m in a], [to_coco(m) for m in b], [True] * len(b))
    of_second = coco_mask.iou([to_coco(m) for m in b], [to_coco(m) for m in a], [True] * len(a)).T
    return np.asarray(np.maximum(of_first, of_second), np.float32)


def mask_to_polygons(rle: Rle) -> list[Float32]:
    """Outer borders of the mask's parts, each (P, 2) float32 x, y in pixels, P >= 3; holes are lost."""
    bitmap = decode_mask(rle).astype(np.uint8)
    contours, _ = cv2.findContours(bitmap, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [c.reshape(-1, 2).astype(np.float32) for c in contours if len(c) >= 3]


def polygons_to_mask(polygons: list[Float32], height: int, width: int) -> Rle:
    """Fill (P, 2) float32 polygons, x, y in pixels, on a frame of ``height`` x ``width``."""
    flat = [p.reshape(-1).astype(float).tolist() for p in polygons if len(p) >= 3]
    if not flat:
        return encode_mask(np.zeros((height, width), bool))
    merged = coco_mask.merge(coco_mask.frPyObjects(flat, height, width))
    return Rle(height=height, width=width, counts=merged["counts"])


def to_coco(rle: Rle) -> dict[str, Any]:
    """The dict that ``pycocotools`` and COCO JSON use (``counts`` as bytes)."""
    return {"size": [rle.height, rle.width], "counts": rle.counts}


def from_coco(segmentation: dict[str, Any]) -> Rle:
    """From COCO JSON: compressed (``str`` or ``bytes``) or uncompressed (``list``) counts.

    Raises:
        ValueError: if size or counts are missing or of the wrong kind, or do not fit each other.
    """
    try:
        height, width = (index(n) for n in segmentation["size"])
        counts = segmentation["counts"]
        if isinstance(counts, str):
            counts = counts.encode("ascii")
        if isinstance(counts, list):
            runs = np.array([index(n) for n in counts], np.int64)
        else:
            runs = _read_runs(counts)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError("a run-length mask needs 'size' [height, width] and 'counts'") from error
    pixels = height * width
    if min(height, width) <= 0 or pixels > _MAX_PIXELS:
        raise ValueError(f"a mask cannot have the size {height} x {width}")
    if (runs < 0).any() or (runs > pixels).any() or runs.sum() != pixels:
        raise ValueError(f"run lengths must add up to {height} x {width}")
    if isinstance(counts, list):
        counts = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)["counts"]
    return Rle(height=height, width=width, counts=counts)


def _read_runs(counts: bytes) -> Int64:
    """The run lengths in COCO's compressed counts; ``pycocotools`` itself trusts them, and reads beyond them.

    Each number is a chain of characters from ``0`` on, 5 bits in each, the lowest first; the sixth bit says
    that more follow, the highest bit of the last is the sign. From the fourth on, a number is the difference
    to the last but one.

    Raises:
        ValueError: if it is no such code.
        TypeError: if it is not even text.
    """
    if not isinstance(counts, bytes):
        raise TypeError("counts must be text or a list of numbers")
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - ord("0")
    if len(codes) == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("counts are no run-length code")
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MAX_CODES:
        raise ValueError("a run is too long")
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((codes & 31) << 5 * places, starts)
    runs -= np.where(codes[ends] & 16, 1 << 5 * lengths, 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return np.asarray(runs, np.int64)
