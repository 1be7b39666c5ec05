"""Laying pictures over pictures: where they overlap, blending, and soft shadows."""

from __future__ import annotations

import cv2
import numpy as np

from wildact.types import Image


def paste(image: Image, patch: Image, left: int, top: int) -> None:
    """Lay a premultiplied (h, w, 4) ``patch`` over the (H, W, 3) ``image``, in place; borders cut it off."""
    window = overlap(patch.shape[1], patch.shape[0], left, top, image.shape[1], image.shape[0])
    if window is None:
        return
    inside, outside = window
    part, target = np.ascontiguousarray(patch[inside]), image[outside]
    keep = cv2.cvtColor(255 - part[..., 3], cv2.COLOR_GRAY2RGB)
    faded = cv2.multiply(target, keep, scale=1 / 255)
    image[outside] = cv2.add(faded, part[..., :3])


def overlap(
    width: int, height: int, left: int, top: int, frame_width: int, frame_height: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where a patch lies within the frame: (rows, columns) of the patch and of the frame; None if outside."""
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, frame_width), min(top + height, frame_height)
    if x1 <= x0 or y1 <= y0:
        return None
    return (
        (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)),
        (slice(y0, y1), slice(x0, x1)),
    )


def darken(image: Image, column: float, row: float, a: float, b: float, strength: float) -> None:
    """Lay a soft elliptic shadow with half axes ``a`` and ``b`` pixels on the image, in place."""
    w, h = int(3.2 * a) + 3, int(3.2 * b) + 3
    window = overlap(w, h, int(column - w / 2), int(row - h / 2), image.shape[1], image.shape[0])
    if window is None:
        return
    ys = ((np.arange(h, dtype=np.float32) - h / 2) / b)[window[0][0], None]
    xs = ((np.arange(w, dtype=np.float32) - w / 2) / a)[None, window[0][1]]
    keep = 1 - strength * np.exp(-(xs * xs + ys * ys) * 1.2)
    target = image[window[1]]
    image[window[1]] = cv2.multiply(target, cv2.merge([keep] * 3), dtype=cv2.CV_8U)
