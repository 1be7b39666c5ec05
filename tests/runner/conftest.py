"""Small videos, good and broken."""

import struct

import pytest


def lie_in_header(path, frames):
    """Make an AVI state another number of frames, in its main header and in that of the stream."""
    content = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        struct.pack_into("<I", content, content.index(chunk) + offset, frames)
    path.write_bytes(bytes(content))
    return path


@pytest.fixture
def clips(tmp_path, film):
    """A folder with odd names and broken files."""
    folder = tmp_path / "card"
    film(folder / "a.mp4")
    film(folder / "-lead [dash] ü.mp4")
    film(folder / "Site 1/IMG.avi", codec="mjpeg")
    lie_in_header(film(folder / "lying.avi", codec="mjpeg"), 90_000)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video")
    whole = film(tmp_path / "whole.mp4", seconds=4).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "headless.mp4").write_bytes(whole[len(whole) // 3 :])
    return folder
