"""Random changes of training pictures: on uint8, before the network's own preprocessing.

All functions take the random generator, so that a sample depends on its seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from wildact.types import Image


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
        grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)
        image = np.repeat(grey[..., None], 3, axis=2)
    if look.blur:
        image = cv2.GaussianBlur(image, (0, 0), look.blur).astype(np.uint8)
    table = np.clip(np.arange(256) * look.gain + look.offset, 0, 255).astype(np.uint8)
    image = table[image]
    if look.noise > 0.5:
        # one channel of noise for all colours: what is left of a sensor's noise after a camera's codec
        noise = rng.normal(0, look.noise, image.shape[:2]).astype(np.int16)[..., None]
        image = np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return image
