"""Random changes of training pictures: on uint8, before the network's own preprocessing.

All functions take the random generator, so that a sample depends on its seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from wildact.types import Bool, Image


@dataclass(frozen=True, slots=True)
class Look:
    """One random draw of how pictures look; a clip's frames share it.

    Attributes:
        gray: without colour.
        gain: contrast.
        offset: brightness, grey levels.
        blur: sigma of a soft focus, pixels; 0: none.
        noise: standard deviation of sensor noise, grey levels.
    """

    gray: bool
    gain: float
    offset: float
    blur: float
    noise: float


def draw_look(rng: Generator, *, grayscale: float, brightness: float, blur: float, noise: float) -> Look:
    """Draw a `Look`; the arguments are those of the recipe's ``data`` section."""
    return Look(
        gray=rng.random() < grayscale,
        gain=1 + rng.uniform(-brightness, brightness),
        offset=255 * rng.uniform(-brightness, brightness) / 2,
        blur=rng.uniform(0.4, 1.3) if rng.random() < blur else 0.0,
        noise=rng.uniform(0, noise),
    )


def apply_look(images: Image, look: Look, rng: Generator) -> Image:
    """Change (..., H, W, 3) uint8 pictures as `look` says."""
    flat = images.reshape(-1, *images.shape[-3:])
    changed = [_change(image, look, rng) for image in flat]
    return np.stack(changed).reshape(images.shape)


def _change(image: Image, look: Look, rng: Generator) -> Image:
    if look.gray:
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        image = np.dstack([grey, grey, grey]).astype(np.uint8)
    if look.blur:
        image = cv2.GaussianBlur(image, (0, 0), look.blur).astype(np.uint8)
    table = np.clip(np.arange(256) * look.gain + look.offset, 0, 255).astype(np.uint8)
    image = table[image]
    if look.noise > 0.5:
        # one channel of noise for all colours: what is left of a sensor's noise after a camera's codec
        noise = rng.normal(0, look.noise, (*image.shape[:2], 1)).astype(np.int16)
        image = np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return image


def scale_and_crop(
    rng: Generator,
    image: Image,
    masks: Bool,
    *,
    scale: tuple[float, float],
    width: int,
    height: int,
    focus: float = 0.0,
) -> tuple[Image, Bool]:
    """Scale a picture with its masks at random, and cut it to at most ``width`` x ``height`` at random.

    Args:
        rng: random generator.
        image: (H, W, 3) uint8.
        masks: (N, H, W) bool.
        scale: range of the scale, relative to the size at which the frame fills ``width`` x ``height``.
        width: pixels.
        height: pixels.
        focus: probability that the cut holds the middle of a random one of the masks; else it lies anywhere.

    Returns:
        (h, w, 3) uint8 and (N, h, w) bool.
    """
    fit = min(width / image.shape[1], height / image.shape[0])
    factor = fit * float(np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]))))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    if rng.random() < focus and masks.any():
        chosen = masks[rng.choice(np.flatnonzero(masks.any(axis=(1, 2))))]
        rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
        x = _start(rng, (columns[0] + columns[-1] + 1) / 2 * factor, size[0], width)
        y = _start(rng, (rows[0] + rows[-1] + 1) / 2 * factor, size[1], height)
    else:
        x = int(rng.integers(0, max(0, size[0] - width) + 1))
        y = int(rng.integers(0, max(0, size[1] - height) + 1))
    window = np.s_[y : y + height, x : x + width]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    picture = cv2.resize(image, size, interpolation=method)[window]
    return np.asarray(picture, np.uint8), scale_masks(masks, size)[:, *window]


def scale_masks(masks: Bool, size: tuple[int, int]) -> Bool:
    """Scale (N, H, W) masks to a width and height, as pictures are scaled.

    OpenCV's nearest neighbour would be half a pixel off.
    """
    method = cv2.INTER_AREA if size[0] < masks.shape[2] else cv2.INTER_LINEAR
    scaled = [cv2.resize(mask * np.uint8(255), size, interpolation=method) > 127 for mask in masks]
    return np.array(scaled, bool).reshape(-1, size[1], size[0])


def _start(rng: Generator, inside: float, length: int, cut: int) -> int:
    """A random start, within ``length``, of a cut that holds the point ``inside``."""
    last = max(0, length - cut)
    low = min(max(0, int(inside) - cut + 1), last)
    return int(rng.integers(low, max(low, min(int(inside), last)) + 1))
