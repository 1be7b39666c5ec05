"""Still images: videos of one frame."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wildact.decode import VideoReader, probe_video
from wildact.errors import VideoError


def paint() -> np.ndarray:
    """(24, 40, 3) uint8: red on the left, green on the right, a blue band on top."""
    image = np.zeros((24, 40, 3), np.uint8)
    image[:, :20, 0] = image[:, 20:, 1] = 220
    image[:8] = [0, 0, 220]
    return image


def read(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        frames = list(reader.frames())
        assert [(frame.index, frame.time) for frame in frames] == [(0, 0)]
        assert (reader.pts.tolist(), reader.warnings) == ([0], ())
        measured = reader.measured()
        assert (measured.frames, measured.fps, measured.duration) == (1, Fraction(1), 1)
        assert frames[0].image.shape == (measured.height, measured.width, 3)
        return frames[0].image


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".tif", ".bmp", ".webp"])
def test_every_kind_is_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(paint()).save(path, quality=95)
    info = probe_video(path)
    assert (info.width, info.height, info.fps, info.frames, info.duration) == (40, 24, 1, 1, 1)
    assert np.abs(read(path).astype(int) - paint()).mean() < 6


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(paint()).save(tmp_path / "a.png", exif=exif)
    expected = np.rot90(paint(), turns)
    assert (read(tmp_path / "a.png") == expected).all()
    info = probe_video(tmp_path / "a.png")
    assert (info.height, info.width) == expected.shape[:2]
    assert info.rotation == {3: 180, 6: 90, 8: 270}[orientation]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(paint()).convert(mode).save(path)
    assert read(path).dtype == np.uint8


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 6), 0x8000, np.uint16)).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png") == 0x80).all()


def test_frames_that_are_not_kept_are_decoded_all_the_same(tmp_path: Path) -> None:
    Image.fromarray(paint()).save(tmp_path / "a.png")
    with VideoReader(tmp_path / "a.png") as reader:
        assert list(reader.frames(keep=lambda _index, _time: False)) == []
        assert reader.measured().frames == 1


def encode(suffix: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, suffix)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jpg", encode("jpeg")[:900], "damaged or cut off"),
        ("a.png", encode("png")[:900], "damaged or cut off"),
        ("a.tif", encode("tiff")[:900], "damaged"),
        ("a.jpg", b"no image at all", "not an image"),
        ("a.jpg", b"", "the file is empty"),
        ("a.jpg", None, "no such file"),
    ],
)
def test_broken_images_are_refused(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=said), VideoReader(path) as reader:
        list(reader.frames())


@pytest.mark.parametrize("side", [9000, 30000])
def test_huge_images_are_refused_before_memory_is_taken(tmp_path: Path, side: int) -> None:
    header = bytearray(encode("bmp"))
    header[18:26] = np.array([side, side], "<i4").tobytes()
    (tmp_path / "a.bmp").write_bytes(header)
    with pytest.raises(VideoError, match="more than 67108864 pixels"):
        VideoReader(tmp_path / "a.bmp")
