"""By what light a video was taken: day, dusk or infrared flash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wildact.types import Image, Light

BANNER_SHARE = 0.12
"""Rows left out at the top and at the bottom: cameras burn coloured banners (time, temperature, logo) in there."""


def classify_light(images: Sequence[Image]) -> Light:
    raise NotImplementedError
