from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.decode import VideoReader, VideoWriter, probe_video
from wildact.decode.timeline import MAX_GAP_S
from wildact.errors import OutputError, UsageError
from wildact.types import Image

MakeVideo = Callable[..., Path]
Picture = Callable[..., Image]

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.mov", "mjpeg"), ("a.AVI", "mjpeg")])
def test_round_trip_keeps_frames_times_and_colours(
    make_video: MakeVideo, picture: Picture, name: str, codec: str
) -> None:
    path = make_video(name, 12, fps=NTSC, codec=codec)
    stated = probe_video(path)
    assert (stated.width, stated.height, stated.frames, stated.fps) == (64, 48, 12, NTSC)
    assert stated.duration == 12 / NTSC
    with VideoReader(path) as reader:
        frames = list(reader.frames())
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == [i / NTSC for i in range(12)]
    assert [Fraction(int(p)) * reader.time_base for p in reader.pts] == [i / NTSC for i in range(12)]
    assert reader.measured() == stated
    assert reader.warnings == ()
    for i, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - picture(i)).mean() < 4


def test_odd_size_is_padded_for_h264_and_kept_for_mjpeg(make_video: MakeVideo, picture: Picture) -> None:
    h264 = make_video("a.mp4", 2, size=(65, 47))
    mjpeg = make_video("a.avi", 2, size=(65, 47), codec="mjpeg")
    assert (probe_video(h264).width, probe_video(h264).height) == (66, 48)
    with VideoReader(mjpeg) as reader:
        first = next(iter(reader.frames())).image
    assert first.shape == (47, 65, 3)
    assert np.abs(first.astype(int) - picture(0, 65, 47)).mean() < 4


def test_variable_frame_rate_is_exact_in_mp4(make_video: MakeVideo) -> None:
    times = [Fraction(0), Fraction(1, 30), Fraction(1, 9), Fraction(2, 3), Fraction(5)]
    path = make_video("a.mp4", 5, fps=Fraction(30), times=times)
    assert probe_video(path).duration == 5 + Fraction(1, 30)
    with VideoReader(path) as reader:
        assert [frame.time for frame in reader.frames()] == times
    assert reader.measured().fps == Fraction(4, 5)
    assert reader.measured().duration == 5 + Fraction(1, 30)


def test_variable_frame_rate_is_rounded_to_whole_frames_in_avi(make_video: MakeVideo) -> None:
    times = [Fraction(0), Fraction(11, 100), Fraction(1, 2)]
    path = make_video("a.avi", 3, codec="mjpeg", times=times)
    with VideoReader(path) as reader:
        assert [frame.time for frame in reader.frames()] == [0, Fraction(1, 10), Fraction(1, 2)]


def test_same_frames_give_the_same_file(make_video: MakeVideo) -> None:
    one, other = (make_video(name) for name in ("a.mp4", "b.mp4"))
    assert one.read_bytes() == other.read_bytes()


def test_mp4_has_its_index_in_front(make_video: MakeVideo) -> None:
    data = make_video("a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_exception_leaves_no_file_and_keeps_the_old_one(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def fail() -> None:
        with VideoWriter(path, width=64, height=48, fps=Fraction(10)) as writer:
            writer.write(picture(0))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_bytes() == b"old"


def test_file_appears_only_at_the_end(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, width=64, height=48, fps=Fraction(10)) as writer:
        writer.write(picture(0))
        assert not path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_wrong_images_and_times_are_refused(tmp_path: Path, picture: Picture) -> None:
    with VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=Fraction(10)) as writer:
        with pytest.raises(ValueError, match="image must be"):
            writer.write(picture(0, 32, 32))
        writer.write(picture(0), Fraction(1))
        with pytest.raises(ValueError, match="not after"):
            writer.write(picture(1), Fraction(1))
    with pytest.raises(ValueError, match="closed"):
        writer.write(picture(2))


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-1)])
def test_impossible_rate_is_refused(tmp_path: Path, fps: Fraction) -> None:
    with pytest.raises(UsageError, match=r"a\.mp4"):
        VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=fps)


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.mp4, \.mov, \.avi"):
        VideoWriter(tmp_path / "a.xyz", width=64, height=48, fps=Fraction(10))


def test_missing_folder_is_one_sentence_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.mp4"
    with pytest.raises(OutputError) as caught:
        VideoWriter(path, width=64, height=48, fps=Fraction(10))
    assert str(path) in str(caught.value)
    assert "does not exist" in str(caught.value)


def test_full_disk_is_one_sentence_with_the_path(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits exist on POSIX only")
    signal = pytest.importorskip("signal")
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)

    def fill() -> None:
        with VideoWriter(
            tmp_path / "a.avi", width=640, height=480, fps=Fraction(10), codec="mjpeg"
        ) as writer:
            for _ in range(10):
                writer.write(noise)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(OutputError) as caught:
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert str(tmp_path / "a.avi") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_folder_in_place_of_the_file(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "a.mp4"
    path.mkdir()
    with (
        pytest.raises(OutputError, match=r"a\.mp4"),
        VideoWriter(path, width=64, height=48, fps=Fraction(10)) as writer,
    ):
        writer.write(picture(0))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_names_are_taken_literally(tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-dash %03d.mp4", "Füchse & 狐 #1.mp4", "concat:a|b.mp4"):
        with VideoWriter(Path(name), width=64, height=48, fps=Fraction(10)) as writer:
            writer.write(picture(0))
        with VideoReader(Path(name)) as reader:
            assert len(list(reader.frames())) == 1


def test_a_long_video_of_variable_frame_rate_keeps_its_times(tmp_path):
    """Its mean frame rate is no simple number, so 1 / fps is no unit for its times; and it pauses."""
    count = 1500
    rng = np.random.default_rng(0)
    steps = rng.integers(300, 900, count)
    steps[700] = 15360 * MAX_GAP_S
    times = [Fraction(int(tick), 15360) for tick in np.cumsum(steps)]
    times = [time - times[0] for time in times]
    path = tmp_path / "vfr.mp4"
    fps = (count - 1) / times[-1]
    with VideoWriter(path, width=32, height=32, fps=fps) as writer:
        for time in times:
            writer.write(np.zeros((32, 32, 3), np.uint8), time)
    with VideoReader(path) as reader:
        read = [frame.time for frame in reader.frames()]
    assert len(read) == count
    assert max(abs(a - b) for a, b in zip(read, times, strict=True)) <= Fraction(1, 90000)


@pytest.mark.parametrize(
    "fps", [Fraction(30), Fraction(24000, 1001), Fraction(2997, 100), Fraction(14985, 1001)]
)
def test_times_of_a_steady_frame_rate_are_exact_after_a_pause_too(tmp_path, fps):
    path = tmp_path / "steady.mp4"
    times = [k / fps for k in (0, 1, 2, 50_000, 50_001)]
    with VideoWriter(path, width=32, height=32, fps=fps) as writer:
        for time in times:
            writer.write(np.zeros((32, 32, 3), np.uint8), time)
    with VideoReader(path) as reader:
        assert [frame.time for frame in reader.frames()] == times


def test_frames_nearer_than_a_tick_stay_in_order(tmp_path):
    with VideoWriter(tmp_path / "near.mp4", width=32, height=32, fps=Fraction(10)) as writer:
        for k in range(3):
            writer.write(np.zeros((32, 32, 3), np.uint8), Fraction(k, 10_000_000))
        with pytest.raises(ValueError, match="not after the last"):
            writer.write(np.zeros((32, 32, 3), np.uint8), Fraction(2, 10_000_000))
    with VideoReader(tmp_path / "near.mp4") as reader:
        assert len(list(reader.frames())) == 3
