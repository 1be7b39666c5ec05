"""Axis-parallel boxes: (N, 4) float32 arrays of ``x1, y1, x2, y2`` in pixels."""

from __future__ import annotations

import numpy as np

from wildact.types import Float32


def box_area(boxes: Float32) -> Float32:
    """(N,) areas in square pixels; boxes turned inside out have area 0."""
    size = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(size[:, 0] * size[:, 1], np.float32)


def box_iou(a: Float32, b: Float32) -> Float32:
    """(N, M) intersection over union of each of N boxes with each of M boxes; 0 for empty boxes."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    size = np.clip(bottom_right - top_left, 0, None)
    intersection = size[..., 0] * size[..., 1]
    union = box_area(a)[:, None] + box_area(b)[None, :] - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9), np.float32)


def paired_iou(a: Float32, b: Float32) -> Float32:
    """(N,) intersection over union of box i of ``a`` with box i of ``b``; 0 for empty boxes."""
    intersection = _paired_intersection(a, b)
    return np.asarray(intersection / np.maximum(box_area(a) + box_area(b) - intersection, 1e-9), np.float32)


def paired_share(a: Float32, b: Float32) -> Float32:
    """(N,) share of box i of ``a`` that lies within box i of ``b``; 0 for empty boxes."""
    return np.asarray(_paired_intersection(a, b) / np.maximum(box_area(a), 1e-9), np.float32)


def _paired_intersection(a: Float32, b: Float32) -> Float32:
    return box_area(np.concatenate([np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])], axis=1))


def clip_boxes(boxes: Float32, width: int, height: int) -> Float32:
    """The boxes, cut off at the borders of a frame of ``width`` x ``height`` pixels."""
    limits = np.array([width, height, width, height], np.float32)
    return np.asarray(np.clip(boxes, 0, limits), np.float32)


def xyxy_to_xywh(boxes: Float32) -> Float32:
    """``x1, y1, x2, y2`` to ``x1, y1, width, height``."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def xywh_to_xyxy(boxes_xywh: Float32) -> Float32:
    """``x1, y1, width, height`` to ``x1, y1, x2, y2``."""
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def interpolate_boxes(times: Float32, known_times: Float32, known_boxes: Float32) -> Float32:
    """(T, 4) boxes at ``times``, linear between the (K, 4) boxes at ``known_times``.

    Args:
        times: (T,) any unit, within the span of ``known_times``; outside it the nearest box is held.
        known_times: (K,) strictly increasing, the same unit.
        known_boxes: (K, 4) float32.
    """
    columns = [np.interp(times, known_times, known_boxes[:, k]) for k in range(4)]
    return np.stack(columns, axis=1).astype(np.float32)
