"""Masks as other tools write them: polygons, or run lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from wildact.datasets.limits import MAX_PIXELS
from wildact.masks import from_coco, mask_area, polygons_to_mask
from wildact.types import Rle


def read_segmentation(segmentation: Any, width: int, height: int) -> Rle | None:
    """A COCO segmentation as a mask: polygons, or run lengths of either kind; None where there is none.

    A polygon that covers no pixel is none.

    Raises:
        ValueError: if it is something else, or not of the frame's size.
    """
    if not segmentation:
        return None
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"its mask cannot be drawn in a frame of {width} x {height} pixels")
    if isinstance(segmentation, Mapping):
        mask = from_coco(dict(segmentation))
        if (mask.width, mask.height) != (width, height):
            raise ValueError(f"its mask is of {mask.width} x {mask.height} pixels, not {width} x {height}")
        return mask
    if not isinstance(segmentation, list):
        raise ValueError("its segmentation is neither polygons nor run lengths")
    return draw_polygons([_points(polygon) for polygon in segmentation], width, height)


def _points(polygon: Any) -> np.ndarray:
    """(P, 2) points of ``[x1, y1, x2, y2, ...]``."""
    good = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
    if not good or not all(type(v) in (int, float) and math.isfinite(v) for v in polygon):
        raise ValueError("a polygon needs at least three points, each of two numbers")
    return np.array(polygon, np.float64).reshape(-1, 2)


def draw_polygons(polygons: list[np.ndarray], width: int, height: int) -> Rle | None:
    """Fill (P, 2) polygons; None where they cover no pixel.

    Raises:
        ValueError: if one lies far outside the frame.
    """
    points = np.concatenate(polygons)
    size = np.array([width, height])
    if (points < -size).any() or (points > 2 * size).any():
        raise ValueError("its polygon lies far outside the frame")
    mask = polygons_to_mask([polygon.astype(np.float32) for polygon in polygons], height, width)
    return mask if mask_area(mask) else None
