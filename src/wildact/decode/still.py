"""Still images, read as videos of one frame that lasts a second."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from wildact.decode.files import MAX_PIXELS, check_file
from wildact.errors import VideoError
from wildact.types import Image, VideoInfo

STILLS = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
"""Endings of the names of still images."""

STILL_FPS = Fraction(1)
"""Frame rate of a still image, a convention."""

_PLUGINS = (TiffImagePlugin, WebPImagePlugin)  # imported to be registered; the others always are
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
_ROTATION = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
"""EXIF orientation -> degrees clockwise."""
_ORIENTATION_TAG = 0x0112
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, ZeroDivisionError,
    OverflowError,
)  # fmt: skip
"""What Pillow raises where a file is damaged."""


def is_still(path: Path) -> bool:
    """Whether a file's name is that of a still image."""
    return Path(path).suffix.lower() in STILLS


def probe_still(path: Path) -> VideoInfo:
    """Say what an image's header states: its upright size, pixels.

    Raises:
        VideoError: the file is missing, empty, not an image, or too large.
    """
    with _open(path) as image:
        turn = image.getexif().get(_ORIENTATION_TAG, 1)
        width, height = image.size[::-1] if turn in (5, 6, 7, 8) else image.size
        codec = (image.format or "unknown").lower()
    return VideoInfo(path, width, height, STILL_FPS, 1, 1 / STILL_FPS, codec, _ROTATION.get(turn, 0))


def read_still(path: Path) -> Image:
    """Read an image, turned upright as its EXIF data says.

    Returns:
        (H, W, 3) uint8 RGB; transparency is dropped, 16 bits become 8.

    Raises:
        VideoError: the file is missing, empty, not an image, too large or damaged.
    """
    with _open(path) as image:
        if image.mode.startswith("I"):  # 16 bits, of which Pillow would cut off all above 255
            grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
            exif = image.getexif()
            image = PillowImage.fromarray(grey)
            image.getexif()[_ORIENTATION_TAG] = exif.get(_ORIENTATION_TAG, 1)
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "P":
            upright = upright.convert("RGBA")
        return np.array(upright.convert("RGB"))


@contextmanager
def _open(path: Path) -> Iterator[PillowImage.Image]:
    """Open an image; what goes wrong then, and while it is used, becomes a `VideoError`."""
    check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of odd EXIF data and of sizes that are checked here
            with PillowImage.open(path, formats=_FORMATS) as image:
                width, height = image.size
                if not 0 < width * height <= MAX_PIXELS:
                    raise PillowImage.DecompressionBombError
                yield image
    except PillowImage.DecompressionBombError as error:
        raise VideoError(f"{path}: the image has more than {MAX_PIXELS} pixels; scale it down.") from error
    except PermissionError as error:
        raise VideoError(f"{path}: no permission to read this file; change its permissions.") from error
    except UnidentifiedImageError as error:
        raise VideoError(
            f"{path}: not an image, or damaged at its start; copy it from the memory card again."
        ) from error
    except _DAMAGE as error:
        raise VideoError(
            f"{path}: the image is damaged or cut off; copy it from the memory card again."
        ) from error
