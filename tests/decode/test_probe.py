from __future__ import annotations

import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from wildact.decode import VideoReader, probe_video
from wildact.decode.probe import has_audio
from wildact.errors import VideoError
from wildact.types import Image as Pixels

MakeVideo = Callable[..., Path]
Picture = Callable[..., Pixels]

FFCONCAT = "ffconcat version 1.0\nfile {name}\n"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"


def refused(path: Path) -> str:
    """The message with which both ways in refuse a file; one line that starts with its name."""
    with pytest.raises(VideoError) as caught:
        probe_video(path)
    with pytest.raises(VideoError):
        VideoReader(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    assert "\n" not in message
    return message


def write_audio(path: Path, codec: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 88200), np.int16), format="s16", layout="stereo")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_rotated(path: Path, degrees: int, mirrored: bool) -> None:
    """A 64 x 48 video with a white top-left corner, to be turned ``degrees`` counter-clockwise."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(degrees, hflip=mirrored)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def test_header_is_told_as_stated(make_video: MakeVideo) -> None:
    info = probe_video(make_video("a.mp4", 10))
    assert (info.width, info.height, info.fps, info.frames) == (64, 48, Fraction(10), 10)
    assert (info.duration, info.codec, info.rotation) == (Fraction(1), "h264", 0)


@pytest.mark.parametrize(
    ("degrees", "mirrored", "clockwise", "corner"),
    [
        (0, False, 0, "top left"),
        (90, False, 270, "bottom left"),
        (180, False, 180, "bottom right"),
        (-90, False, 90, "top right"),
        (0, True, 0, "top right"),
        (90, True, 270, "bottom right"),
    ],
)
def test_frames_stand_upright(
    tmp_path: Path, degrees: int, mirrored: bool, clockwise: int, corner: str
) -> None:
    path = tmp_path / "a.mp4"
    write_rotated(path, degrees, mirrored)
    info = probe_video(path)
    with VideoReader(path) as reader:
        (frame,) = reader.frames()
    assert frame.image.shape == (info.height, info.width, 3)
    assert (info.width, info.height) == ((48, 64) if degrees in (90, -90) else (64, 48))
    assert info.rotation == clockwise == reader.measured().rotation
    white = {
        "top left": frame.image[4, 4],
        "top right": frame.image[4, -5],
        "bottom left": frame.image[-5, 4],
        "bottom right": frame.image[-5, -5],
    }
    assert [name for name, pixel in white.items() if pixel.mean() > 128] == [corner]


def test_missing_empty_folder_and_text(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello world\n" * 100)
    (tmp_path / "folder.mp4").mkdir()
    assert "no such file" in refused(tmp_path / "missing.mp4")
    assert "empty (0 bytes)" in refused(tmp_path / "empty.mp4")
    assert "not a video" in refused(tmp_path / "text.mp4")
    assert "a folder" in refused(tmp_path / "folder.mp4")
    assert "cannot be read" in refused(Path("nul\0byte.mp4"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes exist on POSIX only")
def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "device or pipe" in refused(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("name", ["jpg.mp4", "png.avi"])
def test_pictures_are_refused(tmp_path: Path, picture: Picture, name: str) -> None:
    kind = ".png" if "png" in name else ".jpg"
    (tmp_path / name).write_bytes(cv2.imencode(kind, picture(3))[1].tobytes())
    assert "not a video file" in refused(tmp_path / name)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.avi", "pcm_s16le")])
def test_sound_alone_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    write_audio(tmp_path / name, codec)
    assert "no video stream (only: audio)" in refused(tmp_path / name)


def test_wav_is_refused(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", "pcm_s16le")
    assert "not a video file" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize("text", [FFCONCAT, HLS, SDP])
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".sdp"])
def test_playlists_are_refused(make_video: MakeVideo, tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(text.format(name=make_video("secret.mp4", 1).name))
    assert "not a video file" in refused(path)


def test_playlist_trick_works_on_ffmpeg_as_it_comes(make_video: MakeVideo, tmp_path: Path) -> None:
    """Keeps the test above honest: FFmpeg itself would open the other file."""
    path = tmp_path / "list.mp4"
    path.write_text(FFCONCAT.format(name=make_video("secret.mp4", 1).name))
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 1


@pytest.mark.parametrize(
    "name",
    [
        "http://127.0.0.1:9/a.mp4",
        "concat:a.mp4|a.mp4",
        "file:a.mp4",
        "lavfi:testsrc",
        "data:,x",
        "async:a.mp4",
    ],
)
def test_protocols_are_plain_names(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_video("a.mp4", 1)
    monkeypatch.chdir(tmp_path)
    assert "no such file" in refused(Path(name))


@pytest.mark.parametrize(
    "name", ["-i.mp4", "with  space.mp4", "Füchse 狐.mp4", "%03d.mp4", "a?b*[c].mp4", "concat:a|b.mp4"]
)
def test_odd_names_are_opened(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_video("a.mp4", 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe_video(Path(name)).frames == 3
    with VideoReader(Path(name)) as reader:
        assert len(list(reader.frames())) == 3


@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (6, 90), (3, 180), (8, 270)])
def test_jpegs_with_exif_within_a_video_are_opened_and_turned(
    tmp_path: Path, orientation: int, rotation: int
) -> None:
    """Camera traps write Motion JPEG whose pictures carry EXIF, which PyAV has no name for."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.DateTime] = orientation, "2024:01:31 23:59:59"
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48)).save(jpeg, "jpeg", exif=exif)
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        packet = av.Packet(jpeg.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 5)
        container.mux(packet)
    info = probe_video(tmp_path / "a.avi")
    assert info.rotation == rotation
    assert (info.width, info.height) == ((48, 64) if rotation in (90, 270) else (64, 48))
    with VideoReader(tmp_path / "a.avi") as reader:
        (frame,) = reader.frames()
    assert frame.image.shape == (info.height, info.width, 3)


def test_sound_is_noticed(make_video: MakeVideo, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "both.mkv"), "w") as container:
        pictures, sound = container.add_stream("mpeg4", rate=10), container.add_stream("aac", rate=44100)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux(pictures.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 88200), np.int16), format="s16", layout="stereo")
        silence.rate = 44100
        container.mux(sound.encode(silence))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))
    assert has_audio(tmp_path / "both.mkv")
    assert not has_audio(make_video("silent.mp4", 3))
    assert not has_audio(tmp_path / "nothing.mp4")
