from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildact.decode import VideoReader
from wildact.errors import VideoError
from wildact.types import Image, VideoInfo

MakeVideo = Callable[..., Path]
Picture = Callable[..., Image]

ZAMBA = Path(__file__).parents[2].parent / "shared" / "data" / "video" / "zamba"


def read(path: Path) -> tuple[list[Image], VideoInfo, tuple[str, ...]]:
    """All frames, what was measured, and the warnings."""
    with VideoReader(path) as reader:
        images = [frame.image for frame in reader.frames()]
        return images, reader.measured(), reader.warnings


def test_keep_skips_frames_but_counts_them(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", 12)
    with VideoReader(path) as reader:
        every = list(reader.frames())
    asked = []

    def keep(index: int, time: Fraction) -> bool:
        asked.append((index, time))
        return index % 5 == 2

    with VideoReader(path) as reader:
        some = list(reader.frames(keep))
        assert reader.measured().frames == 12
        assert reader.warnings == ()
    assert asked == [(frame.index, frame.time) for frame in every]
    assert [frame.index for frame in some] == [2, 7]
    for frame in some:
        assert frame.time == every[frame.index].time
        assert np.array_equal(frame.image, every[frame.index].image)


def test_frames_can_be_called_once(make_video: MakeVideo) -> None:
    with VideoReader(make_video("a.mp4", 2)) as reader:
        reader.frames()
        with pytest.raises(RuntimeError, match="once"):
            reader.frames()


def test_stopping_early_is_not_damage(make_video: MakeVideo) -> None:
    with VideoReader(make_video("a.mp4", 10)) as reader:
        next(reader.frames())
        assert reader.pts.tolist() == [0]
        assert reader.warnings == ()
        assert reader.measured().frames == 1


def test_truncated_mp4_yields_what_is_there(make_video: MakeVideo, picture: Picture) -> None:
    path = make_video("a.mp4", 30)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 8 // 10])
    images, info, warnings = read(path)
    assert 10 < len(images) < 30
    assert info.frames == len(images)
    assert info.duration == Fraction(len(images), 10)
    assert any(f"the header states 30 frames, {len(images)} could be decoded" in w for w in warnings)
    assert any("truncated" in w and "0:03.0" in w for w in warnings)
    assert np.abs(images[5].astype(int) - picture(5)).mean() < 4


def test_mp4_without_its_index_is_an_error(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", 10)
    data = path.read_bytes()
    start = data.index(b"moov") - 4
    (length,) = struct.unpack(">I", data[start : start + 4])
    path.write_bytes(data[:start] + data[start + length :])
    with pytest.raises(VideoError, match=r"a\.mp4: .*damaged"):
        VideoReader(path)


@pytest.mark.parametrize("stated", [31, 0, 29])
def test_lying_avi_header_is_not_believed(make_video: MakeVideo, stated: int) -> None:
    path = make_video("a.avi", 30, codec="mjpeg")
    data = bytearray(path.read_bytes())
    for offset in (data.index(b"avih") + 24, data.index(b"strh") + 40):  # dwTotalFrames, dwLength
        assert struct.unpack_from("<I", data, offset) == (30,)
        struct.pack_into("<I", data, offset, stated)
    path.write_bytes(data)
    images, info, warnings = read(path)
    assert len(images) == info.frames == 30
    assert (info.fps, info.duration) == (Fraction(10), Fraction(3))
    expected = (f"the header states {stated} frames, 30 could be decoded",) if stated else ()
    assert warnings == expected


def reverse_index(index: np.ndarray) -> None:
    index["offset"] = index["offset"][::-1].copy()


def point_beyond_the_end(index: np.ndarray) -> None:
    index["offset"] = 2**31 - 1


def point_at_the_start(index: np.ndarray) -> None:
    index["offset"] = 4


def state_other_sizes(index: np.ndarray) -> None:
    index["size"] *= 5


@pytest.mark.parametrize(
    "lie",
    [reverse_index, point_beyond_the_end, point_at_the_start, state_other_sizes],
    ids=lambda f: f.__name__,
)
def test_lying_avi_index_hides_no_frame(make_video: MakeVideo, lie: Callable[[np.ndarray], None]) -> None:
    path = make_video("a.avi", 30, codec="mjpeg")
    whole, stated, _ = read(path)
    data = bytearray(path.read_bytes())
    start = data.rindex(b"idx1") + 8
    entry = np.dtype([("chunk", "S4"), ("flags", "<u4"), ("offset", "<u4"), ("size", "<u4")])
    index = np.frombuffer(data, entry, count=30, offset=start)
    assert set(index["chunk"]) == {b"00dc"}
    lie(index)  # writes into data
    path.write_bytes(data)

    images, info, warnings = read(path)

    assert np.array_equal(images, whole)
    assert (info.frames, info.duration, warnings) == (30, stated.duration, ())


def test_a_rate_of_days_per_frame_is_not_believed(make_video: MakeVideo) -> None:
    path = make_video("a.avi", 30, codec="mjpeg")
    data = bytearray(path.read_bytes())
    struct.pack_into("<II", data, data.index(b"strh") + 28, 100_000, 1)  # dwScale, dwRate
    path.write_bytes(data)
    images, info, warnings = read(path)
    assert (len(images), info.fps, info.duration) == (30, 25, Fraction(30, 25))
    assert warnings == ("the file states no frame rate: 25 frames per second assumed",)


class _FailingCard:
    """A file, and FFmpeg's view of it, of a card with a bad sector."""

    def demux(self, stream: object) -> Iterator[object]:
        raise av.error.OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    def close(self) -> None:
        pass

    def __enter__(self) -> _FailingCard:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_failing_card_is_no_truncated_video(make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = VideoReader(make_video("a.mp4", 30))
    monkeypatch.setattr(reader, "_container", _FailingCard())
    monkeypatch.setattr(Path, "open", lambda *_, **__: _FailingCard())
    with reader, pytest.raises(VideoError, match=r"a\.mp4: reading stopped \(Input/output error\)"):
        list(reader.frames())


def test_garbage_in_the_middle_of_an_avi(make_video: MakeVideo, picture: Picture) -> None:
    path = make_video("a.avi", 30, codec="mjpeg")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(0).integers(0, 256, 2000, np.uint8).tobytes()
    path.write_bytes(data)
    images, info, warnings = read(path)
    assert 20 <= len(images) < 30
    assert any("30 frames" in w for w in warnings)
    assert np.abs(images[0].astype(int) - picture(0)).mean() < 4
    assert np.abs(images[-1].astype(int) - picture(29)).mean() < 4
    assert info.frames == len(images)


def blot_out(path: Path, numbers: Sequence[int]) -> None:
    """Overwrite the pictures of these numbers in a Motion JPEG AVI; the container around them stays whole."""
    data = bytearray(path.read_bytes())
    starts = [match.start() for match in re.finditer(b"\xff\xd8", data)]
    for number in numbers:
        data[starts[number] : starts[number] + 300] = bytes(300)
    path.write_bytes(data)


def test_damaged_pictures_are_counted_and_located(make_video: MakeVideo) -> None:
    path = make_video("a.avi", 12, codec="mjpeg")
    blot_out(path, (4, 5, 9))
    with VideoReader(path) as reader:
        times = [frame.time * 10 for frame in reader.frames()]
    assert times == [0, 1, 2, 3, 6, 7, 8, 10, 11]
    assert reader.warnings == (
        "damaged: packets that could not be decoded: 3 at 2 places, first at frame 4 (0:00.6)",
        "the header states 12 frames, 9 could be decoded",
    )
    assert (reader.measured().fps, reader.measured().duration) == (10, Fraction(12, 10))


def test_no_frame_at_all_is_an_error_when_measured(make_video: MakeVideo) -> None:
    path = make_video("a.avi", 3, codec="mjpeg")
    blot_out(path, (0, 1, 2))
    with VideoReader(path) as reader:
        assert list(reader.frames()) == []
    with pytest.raises(VideoError, match="not one frame"):
        reader.measured()


def test_size_change_is_scaled_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    for side in (64, 96):
        with av.open(str(tmp_path / "part.h264"), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
            for _ in range(3):
                frame = av.VideoFrame.from_ndarray(np.full((side, side, 3), side, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with path.open("ab") as file:
            file.write((tmp_path / "part.h264").read_bytes())
    images, info, warnings = read(path)
    assert [image.shape for image in images] == [(64, 64, 3)] * 6
    assert (info.width, info.height) == (64, 64)
    assert any("another size than the first, scaled to it: 3, first at frame 3" in w for w in warnings)
    assert abs(int(images[-1].mean()) - 96) < 4


@pytest.mark.parametrize(
    ("pixels", "space", "tag", "full"),
    [
        ("yuv420p", Colorspace.ITU709, 1, 1),
        ("yuv420p", Colorspace.ITU709, 1, 2),
        ("yuv420p", Colorspace.ITU601, 6, 1),
        ("yuv420p", Colorspace.ITU601, 2, 1),
        ("yuv420p10le", Colorspace.ITU709, 1, 1),
    ],
)
def test_colours_are_right_whatever_the_encoding(
    tmp_path: Path, pixels: str, space: Colorspace, tag: int, full: int
) -> None:
    colours = np.array([[200, 40, 60], [30, 180, 50], [255, 255, 255], [0, 0, 0]], np.uint8)
    image = np.repeat(np.repeat(colours[None], 16, axis=1), 32, axis=0)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 32, pixels
        stream.codec_context.color_range, stream.codec_context.colorspace = full, tag
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = frame.reformat(format=pixels, dst_colorspace=space, dst_color_range=full)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (decoded,), _, warnings = read(path)
    assert np.abs(decoded[16, 8::16].astype(int) - colours).max() <= 6
    assert warnings == ()


@pytest.mark.parametrize(
    ("codec", "pixels"), [("libx264", "gray"), ("rawvideo", "bgr24"), ("ffv1", "yuv444p")]
)
def test_other_pixel_formats_become_rgb(tmp_path: Path, codec: str, pixels: str) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 120, np.uint8), format="rgb24")
        container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))
    (decoded,), _, _ = read(path)
    assert decoded.shape == (48, 64, 3)
    assert np.abs(decoded.astype(int) - 120).max() <= 4


def test_unknown_colour_space_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace = 10  # BT.2020 with constant luminance
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 120, np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (decoded,), _, warnings = read(path)
    assert abs(int(decoded.mean()) - 120) < 5
    assert any("read as BT.601: 1, first at frame 0" in w for w in warnings)


def test_ffmpeg_is_silent(make_video: MakeVideo, capfd: pytest.CaptureFixture[str]) -> None:
    path = make_video("a.mp4", 20)
    data = bytearray(path.read_bytes())
    data[-400:-200] = bytes(200)
    path.write_bytes(data[:-50])
    read(path)
    assert capfd.readouterr() == ("", "")


changes = st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["a.mp4", "a.avi"]),
    cut=st.floats(0, 1) | st.just(1.0),
    changes=st.lists(changes, max_size=5),
)
def test_any_damage_is_a_video_error_or_a_warning(
    make_video: MakeVideo, tmp_path: Path, name: str, cut: float, changes: list[tuple[float, bytes]]
) -> None:
    source = tmp_path / name
    if not source.exists():
        make_video(name, 4, size=(32, 32), codec="h264" if name == "a.mp4" else "mjpeg")
    data = bytearray(source.read_bytes())
    for place, change in changes:
        start = int(place * len(data))
        data[start : start + len(change)] = change
    damaged = tmp_path / f"damaged{source.suffix}"
    damaged.write_bytes(data[: round(cut * len(data))])
    try:
        images, info, _ = read(damaged)
    except VideoError:
        return
    assert info.frames == len(images)
    assert {image.shape for image in images} == {(info.height, info.width, 3)}
    assert info.duration is not None
    assert info.duration > 0


@pytest.mark.parametrize(
    ("name", "frames", "stated", "fps", "seconds", "size", "codec"),
    [
        ("PICT0074.ASF", 61, None, 1, 61, (80, 60), "msmpeg4"),
        ("baboon_07120049.AVI", 60, 61, 1, 61, (106, 60), "mpeg4"),
        ("chimp.mp4", 450, 450, 30, 15, (320, 180), "h264"),
        ("gorilla_EK000059.AVI", 61, 61, 1, 61, (106, 60), "mpeg4"),
        ("ir_09100029_Eland.MP4", 31, 31, 1, 31, (106, 60), "h264"),
        ("ir_EK000019.AVI", 61, 61, 1, 61, (106, 60), "mpeg4"),
    ],
)
def test_real_clips(
    name: str, frames: int, stated: int | None, fps: int, seconds: int, size: tuple[int, int], codec: str
) -> None:
    path = ZAMBA / name
    if not path.exists():
        pytest.skip(f"the real clip {name} is not on this machine")
    with VideoReader(path) as reader:
        assert reader.info.frames == stated
        assert sum(1 for _ in reader.frames(lambda index, time: index % 10 == 0)) == -(-frames // 10)
        info = reader.measured()
        warnings = reader.warnings
    assert (info.frames, info.fps, info.duration, info.codec) == (frames, fps, seconds, codec)
    assert (info.width, info.height) == size
    missing = stated is not None and stated != frames
    assert warnings == ((f"the header states {stated} frames, {frames} could be decoded",) if missing else ())
