from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from wildact.decode import VideoWriter
from wildact.types import Image


def draw(index: int, width: int = 64, height: int = 48) -> Image:
    """A smooth coloured picture; its blue is eight times its index."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(40, 200, width, dtype=np.uint8)[None, :]
    image[..., 1] = np.linspace(200, 40, height, dtype=np.uint8)[:, None]
    image[..., 2] = min(255, 8 * index)
    return image


@pytest.fixture
def picture() -> Callable[..., Image]:
    """``picture(index, width=64, height=48)``: what ``make_video`` writes."""
    return draw


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """``make_video(name, frames=10, ...)`` writes a small video and returns its path."""

    def make(
        name: str,
        frames: int = 10,
        *,
        size: tuple[int, int] = (64, 48),
        fps: Fraction = Fraction(10),
        codec: Literal["h264", "mjpeg"] = "h264",
        times: Sequence[Fraction] | None = None,
    ) -> Path:
        path = tmp_path / name
        with VideoWriter(path, width=size[0], height=size[1], fps=fps, codec=codec) as writer:
            for i in range(frames):
                writer.write(draw(i, *size), None if times is None else times[i])
        return path

    return make
