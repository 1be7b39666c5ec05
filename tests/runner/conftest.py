"""Small videos, good and broken."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from wildact.decode import VideoWriter


def write_video(path, *, seconds=1.5, fps=10, codec="h264", size=(96, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    rng = np.random.default_rng(len(path.name))
    ground = rng.integers(60, 160, (height, width, 3), np.uint8)
    with VideoWriter(path, width=width, height=height, fps=Fraction(fps), codec=codec) as writer:
        for k in range(round(seconds * fps)):
            image = ground.copy()
            image[height // 3 : height * 3 // 4, 5 + k : 5 + k + width // 2] = (120, 80, 50)
            writer.write(image)
    return path


def lie_in_header(path, frames):
    """Make an AVI state another number of frames, in its main header and in that of the stream."""
    content = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        struct.pack_into("<I", content, content.index(chunk) + offset, frames)
    path.write_bytes(bytes(content))
    return path


@pytest.fixture
def clips(tmp_path):
    """A folder with odd names and broken files."""
    folder = tmp_path / "card"
    write_video(folder / "a.mp4")
    write_video(folder / "-lead [dash] ü.mp4")
    write_video(folder / "Site 1/IMG.AVI".replace(".AVI", ".avi"), codec="mjpeg")
    lie_in_header(write_video(folder / "lying.avi", codec="mjpeg"), 90_000)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video")
    whole = write_video(tmp_path / "whole.mp4", seconds=4).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "headless.mp4").write_bytes(whole[len(whole) // 3 :])
    return folder
