"""By what light a video was taken: day, dusk or infrared flash.

The limits below lie between what was measured on real camera-trap clips (four by day, two infrared) and on
180 simulated frames of four habitats by all three lights, JPEG-compressed; they were chosen on these, so how
well they hold elsewhere is not known. Forest shade by day and dusk come close to each other.
An infrared camera whose images are tinted (purple, green) is taken for one in colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from wildact.types import Float32, Frame, Image, Light

BANNER_SHARE = 0.12
"""Rows left out at the top and at the bottom: cameras burn in coloured banners (time, logo) there."""

CELLS = 48
"""Images are averaged down to about this many cells along the shorter side, which takes away chroma noise."""

IR_SPREAD = 2.5
"""Levels between the highest and the lowest of R, G and B that 90 % of an infrared image's cells stay below.

Measured: infrared 0, or 2 where a codec rounds grey to the next step of colour; the greyest dusk 3; the least
colourful day (snow) 5.
"""

IR_SPREAD_SHARE = 0.03
"""The same as a share of brightness, for bright infrared images. Measured: infrared 0, snow by day 0.05."""

DARK_LUMA = 48
"""Median brightness below which an image in colour is dusk whatever its colours. Measured: day 87-150."""

DIM_LUMA = 85
"""Median brightness below which an image with pale or bluish colours is dusk. Measured: dusk 52-84."""

PALE_SPREAD = 0.25
"""Colour spread (of which 90 % of the cells are below) as a share of brightness below which colours are pale.

Measured: dusk 0.14-0.32, above 0.25 with a blue cast only; day without snow from 0.27 on.
"""

BLUE_CAST = 0.10
"""Median of (B - R) / brightness above which a cast counts as blue: bright ground at the blue hour.

Measured: snow at dusk 0.19-0.23; day scenes below brightness 95 at most -0.07.
"""


SAMPLES = 8
"""At least so many frames of a video are measured, where it has them, and at most twice as many."""


def classify_light(images: Sequence[Image]) -> Light:
    """Tell day, dusk and infrared apart from a handful of frames of one video.

    Each measure is the median over the images, so one frame from before the camera settled does not count.

    Args:
        images: at least one (H, W, 3) uint8 RGB image, best spread over the video.

    Returns:
        ``ir`` where there is no colour, ``dusk`` where there is little light and little colour, else ``day``.

    Raises:
        ValueError: there is no image.
    """
    if len(images) == 0:
        raise ValueError("classify_light needs at least one image")
    return _classify([_measure(image) for image in images])


class LightSampler:
    """Measures a few frames spread over a video of unknown length: when too many, every second is dropped.

    The frames themselves are not kept: those of a 4K camera would take 400 MB.
    """

    def __init__(self) -> None:
        self._measures: list[tuple[float, float, float]] = []
        self._every = 1

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on, and measure some of them."""
        for count, frame in enumerate(frames):
            if count % self._every == 0:
                self._measures.append(_measure(frame.image))
            if len(self._measures) > 2 * SAMPLES:
                self._measures = self._measures[::2]
                self._every *= 2
            yield frame

    def classify(self) -> Light:
        """The light of the frames that were watched, at least one; see `classify_light`."""
        return _classify(self._measures)


def _classify(measures: Sequence[tuple[float, float, float]]) -> Light:
    spread, luma, blue = np.median(measures, axis=0)
    if spread <= max(IR_SPREAD, IR_SPREAD_SHARE * luma):
        return "ir"
    muted = spread < PALE_SPREAD * luma or blue > BLUE_CAST
    if luma < DARK_LUMA or (luma < DIM_LUMA and muted):
        return "dusk"
    return "day"


def _measure(image: Image) -> tuple[float, float, float]:
    """Colour spread (90 % of the cells are below), median brightness, median blue cast of one image."""
    cells = _cells(image)
    luma = cells.mean(axis=-1)
    spread = cells.max(axis=-1) - cells.min(axis=-1)
    # Below 16 the ratio would be that of rounding errors.
    cast = (cells[..., 2] - cells[..., 0]) / np.maximum(luma, 16)
    return float(np.percentile(spread, 90)), float(np.median(luma)), float(np.median(cast))


def _cells(image: Image) -> Float32:
    """(h, w, 3) float32 means over square cells of the image without its banners."""
    banner = round(BANNER_SHARE * image.shape[0])
    inner = image[banner : image.shape[0] - banner] if image.shape[0] > 2 * banner else image
    side = max(1, min(inner.shape[:2]) // CELLS)
    rows, columns = inner.shape[0] // side, inner.shape[1] // side
    cells = inner[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return np.asarray(cells.mean(axis=(1, 3), dtype=np.float32), np.float32)
