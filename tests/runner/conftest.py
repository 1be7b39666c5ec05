"""Small videos, good and broken."""

from fractions import Fraction

import numpy as np
import pytest

from wildact.decode import VideoWriter


def write_video(path, *, seconds=1.5, fps=10, codec="h264"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    ground = rng.integers(60, 160, (64, 96, 3), np.uint8)
    with VideoWriter(path, width=96, height=64, fps=Fraction(fps), codec=codec) as writer:
        for k in range(round(seconds * fps)):
            image = ground.copy()
            image[20:50, 5 + k : 45 + k] = (120, 80, 50)
            writer.write(image)
    return path


@pytest.fixture
def clips(tmp_path):
    """A folder with odd names and broken files."""
    folder = tmp_path / "card"
    write_video(folder / "a.mp4")
    write_video(folder / "-lead [dash] ü.mp4")
    write_video(folder / "Site 1/IMG.AVI".replace(".AVI", ".avi"), codec="mjpeg")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video")
    whole = write_video(tmp_path / "whole.mp4", seconds=4).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    return folder
