"""Open a video file safely, and tell what its header states."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video.frame
import av.video.stream
import numpy as np
from av.sidedata.sidedata import SideData

from wildact.decode.files import MAX_PIXELS, check_file
from wildact.decode.still import is_still, probe_still
from wildact.decode.timeline import MAX_GAP_S
from wildact.errors import VideoError
from wildact.types import Image, VideoInfo

CONTAINERS = (
    "mov", "matroska", "avi", "asf", "asf_o", "mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v",
    "flv", "ogg", "mxf", "dv", "wtv", "nut", "ivf", "rm", "dhav", "amv",
)  # fmt: skip
"""The container formats wildact opens (FFmpeg's names).

Everything else FFmpeg knows is refused, first of all what makes it open *other* files or the network:
playlists (hls, dash, concat), stream descriptions (sdp), numbered pictures (image2), filter graphs (lavfi).
"""

MAX_FPS = 1000
"""Frame rates above this are clock rates that ended up in the wrong field, and are not believed."""

MIN_FPS = Fraction(1, MAX_GAP_S)
"""Frame rates below this are damage, too: believed, they make days of seconds."""

ASSUMED_FPS = Fraction(25)
"""Frame rate where a file states none; FFmpeg assumes the same."""

_OPTIONS = {"max_pixels": str(MAX_PIXELS), "flags": "+output_corrupt"}
_CONTAINER_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
_IN_FILE_ORDER = {"seekable": "0"}
"""For AVI: FFmpeg follows an index if it can seek, and ends at once where the index lies. The frames are all
there, one after the other."""

_PACKETS_TO_FIRST_FRAME = 200
_BLOCK = 2**20
_THREADS = 4
"""Frames decoded at the same time; more threads hold more frames in memory."""

Orientation = tuple[bool, bool, bool]
"""Turn rows into columns; then mirror left-right; then mirror top-bottom."""

UPRIGHT: Orientation = (False, False, False)

_ROTATION = {
    (False, False, False): 0, (True, True, False): 90, (False, True, True): 180, (True, False, True): 270,
}  # fmt: skip


def open_video(path: Path) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """Open a plain local file and pick its video stream.

    Nothing but this one file is read, whatever its name or its contents ask for.

    Args:
        path: the video.

    Returns:
        The open container, which the caller closes, and its first stream of moving pictures.

    Raises:
        VideoError: the file is missing, empty, not a video, or holds no video stream that can be decoded.
    """
    path = Path(path)
    check_file(path)
    try:
        container_options = _CONTAINER_OPTIONS | (_IN_FILE_ORDER if _is_avi(path) else {})
        # "file:" keeps FFmpeg from taking the name for a protocol or an option.
        container = av.open(f"file:{path}", options=_OPTIONS, container_options=container_options)
    except av.error.ArgumentError as error:
        raise VideoError(
            f"{path}: not a video file (it looks like a picture, sound, text or playlist); leave it out."
        ) from error
    except PermissionError as error:
        raise VideoError(f"{path}: no permission to read this file; change its permissions.") from error
    except (av.error.FFmpegError, OSError, ValueError, UnicodeError) as error:
        raise VideoError(
            f"{path}: not a video file, or damaged at its start or end so that it cannot be opened;"
            " copy it from the memory card again."
        ) from error
    try:
        return container, _video_stream(path, container)
    except BaseException:
        container.close()
        raise


def probe_video(path: Path) -> VideoInfo:
    """Say what a video's header states, without decoding more than its first frame.

    Pixels are counted as stored: a sample aspect ratio other than 1 is not applied. The first frame is looked
    at because only frames tell how the camera was turned.

    Args:
        path: the video, or a still image: a video of one frame.

    Returns:
        Facts as stated; ``frames`` and ``duration`` are None where the header has nothing (or 0).

    Raises:
        VideoError: the file is missing, empty, not a video, or holds no video stream that can be decoded.
    """
    if is_still(path):
        return probe_still(Path(path))
    container, stream = open_video(path)
    with container:
        frame = first_frame(container, stream)
        width, height = (stream.width, stream.height) if frame is None else (frame.width, frame.height)
        orientation = UPRIGHT if frame is None else orientation_of(frame)
        if not 0 < width * height <= MAX_PIXELS:
            raise VideoError(
                f"{path}: the header is damaged ({width}x{height} pixels); no frame can be decoded."
            )
        if orientation[0]:
            width, height = height, width
        rates = stated_rates(stream)
        return VideoInfo(
            path=Path(path),
            width=width,
            height=height,
            fps=rates[0] if rates else ASSUMED_FPS,
            frames=stream.frames if stream.frames > 0 else None,
            duration=_stated_duration(container, stream),
            codec=stream.codec_context.codec.name,
            rotation=rotation_of(orientation),
        )


def has_audio(path: Path) -> bool:
    """Whether a video holds sound; False where it cannot be opened."""
    try:
        container, _ = open_video(path)
    except VideoError:
        return False
    with container:
        return len(container.streams.audio) > 0


def stated_rates(stream: av.video.stream.VideoStream) -> tuple[Fraction, ...]:
    """Frame rates the file states or FFmpeg derives from its header, the likeliest first; may be empty."""
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return tuple(dict.fromkeys(Fraction(rate) for rate in rates if rate and MIN_FPS <= rate <= MAX_FPS))


def time_base_of(stream: av.video.stream.VideoStream) -> Fraction:
    """Seconds per tick; where that is more than the longest frame, ticks are frames at the assumed rate."""
    stated = Fraction(stream.time_base or 1)
    return stated if stated <= 1 / MIN_FPS else 1 / ASSUMED_FPS


def first_frame(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> av.video.frame.VideoFrame | None:
    """The first frame that can be decoded; None where there is none among the first packets."""
    packets = container.demux(stream)
    for _ in range(_PACKETS_TO_FIRST_FRAME):
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else []
        except av.error.FFmpegError:
            continue
        if frames:
            return frames[0]
        if packet is None:
            break
    return None


def orientation_of(frame: av.video.frame.VideoFrame) -> Orientation:
    """How a decoded frame must be turned to stand upright, from its display matrix.

    The matrix ``[a b u; c d v; x y w]`` shows the pixel (p, q) at (a p + c q + x, b p + d q + y). It is taken
    to the nearest quarter turn, mirrored or not. Where PyAV cannot hand it out, mirroring stays unknown.
    """
    try:
        side_data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV stumbles over kinds of side data it has no name for, such as a JPEG's EXIF
        turned = -round(frame.rotation / 90) * 90 % 360
        return next(orientation for orientation, degrees in _ROTATION.items() if degrees == turned)
    data = bytes(side_data) if isinstance(side_data, SideData) else b""
    if len(data) < 36:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=5i", data[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def rotation_of(orientation: Orientation) -> int:
    """Degrees clockwise of an orientation; of a mirrored one, the turn before mirroring left-right."""
    turn, left_right, top_bottom = orientation
    return _ROTATION.get(orientation, _ROTATION.get((turn, not left_right, top_bottom), 0))


def upright(image: Image, orientation: Orientation) -> Image:
    """Turn an image upright.

    Args:
        image: (H, W, 3) uint8, as stored.
        orientation: from ``orientation_of``.

    Returns:
        (H, W, 3) or (W, H, 3) uint8, contiguous.
    """
    turn, left_right, top_bottom = orientation
    image = image.transpose(1, 0, 2) if turn else image
    image = image[:, ::-1] if left_right else image
    image = image[::-1] if top_bottom else image
    return np.ascontiguousarray(image)


def require_readable(path: Path) -> None:
    """Read a file to its end, where FFmpeg could not: a card that fails is no damaged video.

    What could be decoded until then must not pass for the whole of it.

    Raises:
        VideoError: if the computer cannot read the file.
    """
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_BLOCK):
                pass
    except OSError as error:
        raise VideoError(
            f"{path}: reading stopped ({error.strerror}); see that the card or drive is connected, or copy"
            " the file from it again."
        ) from error


def _is_avi(path: Path) -> bool:
    """By its first bytes; raises ``PermissionError``."""
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith(b"RIFF") and head[8:11] == b"AVI"


def _video_stream(path: Path, container: av.container.InputContainer) -> av.video.stream.VideoStream:
    picture = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & picture]
    if not streams:
        held = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError(f"{path}: holds no video stream (only: {held}); leave it out.")
    stream = streams[0]
    if stream.codec_context is None or stream.time_base is None:
        raise VideoError(
            f"{path}: its video codec is unknown to FFmpeg, or its header is damaged; convert it to H.264."
        )
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = _THREADS
    stream.codec_context.options = dict(_OPTIONS)
    return stream


def _stated_duration(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Fraction | None:
    if stream.duration and stream.duration > 0:
        return stream.duration * time_base_of(stream)
    if container.duration and container.duration > 0:
        return Fraction(container.duration, av.time_base)
    return None
