"""Write a video file frame by frame, with exact times."""

from __future__ import annotations

import contextlib
import errno
import math
import secrets
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
import av.container
import av.error
import av.video.stream
import numpy as np

from wildact.decode.timeline import MAX_GAP_S
from wildact.errors import OutputError, UsageError
from wildact.types import Image

_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".avi": "avi"}

_FINE_HZ = 90_000
"""Ticks per second that times of a variable frame rate are at least as fine as: MPEG's clock."""

_MAX_HZ = (2**31 - 1) // MAX_GAP_S
"""MP4 stores the ticks from one frame to the next in 31 bits, and videos pause."""

_MAX_DENOMINATOR = 30_000
"""MP4 stores the ticks per second in 32 bits."""

_OPTIONS = {
    # Without B-frames: FFmpeg states a wrong length for MP4s of variable frame rate that have them.
    # Without the macroblock tree: of videos 64 or 160 pixels wide x264 wrote one in some hundred otherwise.
    "h264": {"preset": "veryfast", "crf": "23", "bf": "0", "x264-params": "mbtree=0"},
    "mjpeg": {"qmin": "4", "qmax": "4"},
}
_PIXEL_FORMAT = {"h264": "yuv420p", "mjpeg": "yuvj420p"}
_ENCODER = {"h264": "libx264", "mjpeg": "mjpeg"}

_THREADS = 1
"""The same frames shall give the same file: with four, x264 wrote one file in two hundred otherwise."""


class VideoWriter:
    """Encodes RGB frames into a video file; use it as a context manager.

    The file is written under a temporary name beside ``path`` and renamed when the block ends without
    an exception; otherwise it is removed, and whatever stood at ``path`` before stays.

    H.264 stores colour at half resolution and therefore only even sizes: an odd ``width`` or ``height`` is
    stored one pixel larger, with the last column or row repeated. Motion JPEG stores odd sizes as they are.

    In ``.avi`` a time is a whole multiple of one frame: times given to ``write`` are rounded to it. The other
    containers keep them to 1/90000 s or better, and exactly where they are multiples of ``1 / fps``.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction,
        codec: Literal["h264", "mjpeg"] = "h264",
    ) -> None:
        """Open the file for writing.

        Args:
            path: the video to write; its suffix (.mp4, .mov, .avi) says which container.
            width: of the images that ``write`` takes, pixels.
            height: of the images that ``write`` takes, pixels.
            fps: nominal frames per second, exact.
            codec: ``h264`` (small, CRF 23) or ``mjpeg`` (what many camera traps write).

        Raises:
            OutputError: the file cannot be made at ``path``.
            UsageError: the suffix is none of these, or size or frame rate is not positive.
        """
        self.path = Path(path)
        container = _CONTAINERS.get(self.path.suffix.lower())
        if container is None:
            raise UsageError(
                f"cannot write the video {self.path}: its name must end in {', '.join(_CONTAINERS)}."
            )
        fps = Fraction(fps)
        if width <= 0 or height <= 0 or fps <= 0:
            raise UsageError(
                f"cannot write the video {self.path}: {width}x{height} pixels at {fps} frames per second"
                " is not a possible format."
            )
        self._shape = (height, width, 3)
        self._fps = fps
        self._time_base = _time_base(fps, container)
        self._last_pts: int | None = None
        self._last_time: Fraction | None = None
        self._frames = 0
        self._temporary = self.path.with_name(
            f".{self.path.stem[:100]}.{secrets.token_hex(4)}.part{self.path.suffix}"
        )
        self._container: av.container.OutputContainer | None = None
        try:
            self._open(container, codec)
        except (OSError, av.error.FFmpegError) as error:
            self._discard()
            raise self._output_error(error) from error

    def _open(self, container: str, codec: Literal["h264", "mjpeg"]) -> None:
        options = {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
        # "file:" keeps FFmpeg from reading anything else into the name.
        self._container = av.open(f"file:{self._temporary}", "w", format=container, container_options=options)
        height, width, _ = self._shape
        rate = self._fps.limit_denominator(_MAX_DENOMINATOR)  # FFmpeg's numbers have 32 bits
        stream = self._container.add_stream(_ENCODER[codec], rate=rate, options=dict(_OPTIONS[codec]))
        assert isinstance(stream, av.video.stream.VideoStream)
        pad = 2 if codec == "h264" else 1
        stream.width = width + width % pad
        stream.height = height + height % pad
        stream.pix_fmt = _PIXEL_FORMAT[codec]
        stream.codec_context.time_base = self._time_base
        stream.time_base = self._time_base
        stream.codec_context.thread_count = _THREADS
        self._stream = stream
        self._container.start_encoding()

    def write(self, image: Image, time: Fraction | None = None) -> None:
        """Append one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            time: exact seconds at which it is shown, for a variable frame rate; None: the end of the frame
                before, at the nominal frame rate.

        Raises:
            OutputError: the disk is full or the file cannot be written for another reason.
            ValueError: the image has another size than stated, or ``time`` is not after the last frame's.
        """
        if self._container is None:
            raise ValueError(f"the video {self.path} is closed")
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"image must be {self._shape} uint8, not {image.shape} {image.dtype}")
        frame = av.VideoFrame.from_ndarray(self._padded(image), format="rgb24")
        frame.pts = self._next_pts(time)
        frame.time_base = self._time_base
        frame.duration = round(1 / self._fps / self._time_base)
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.error.FFmpegError) as error:
            raise self._output_error(error) from error
        self._last_pts = frame.pts
        self._frames += 1

    def _next_pts(self, time: Fraction | None) -> int:
        if time is None:
            time = Fraction(0) if self._last_time is None else self._last_time + 1 / self._fps
        if time < 0 or (self._last_time is not None and time <= self._last_time):
            raise ValueError(
                f"frame {self._frames} of {self.path}: time {time} s is not after the last frame's"
            )
        self._last_time = Fraction(time)
        pts = round(self._last_time / self._time_base)
        # two frames nearer to each other than the container can tell: one tick apart
        return pts if self._last_pts is None else max(pts, self._last_pts + 1)

    def _padded(self, image: Image) -> Image:
        bottom = self._stream.height - image.shape[0]
        right = self._stream.width - image.shape[1]
        if bottom or right:
            image = np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")
        return np.ascontiguousarray(image)

    def _finish(self) -> None:
        assert self._container is not None
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
            self._temporary.replace(self.path)
        except (OSError, av.error.FFmpegError) as error:
            self._discard()
            raise self._output_error(error) from error

    def _discard(self) -> None:
        if self._container is not None:
            # The file goes anyway, and the first error is the one to tell.
            with contextlib.suppress(OSError, av.error.FFmpegError):
                self._container.close()
            self._container = None
        self._temporary.unlink(missing_ok=True)

    def _output_error(self, error: Exception) -> OutputError:
        code = getattr(error, "errno", None)
        reason = {
            errno.ENOSPC: "the disk is full; free some space and run again",
            errno.EACCES: "the folder is not writable; choose another one",
            errno.EROFS: "the folder is read-only; choose another one",
            errno.ENOENT: f"the folder {self.path.parent} does not exist; create it first",
            errno.EISDIR: "a folder of that name stands there; choose another name",
        }.get(code or 0, str(error).rstrip("."))
        return OutputError(f"cannot write the video {self.path}: {reason}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        else:
            self._discard()


def _time_base(fps: Fraction, container: str) -> Fraction:
    """The unit of the frames' times: ``1 / fps`` and 1/90000 s are multiples; if too fine, one of these."""
    if container == "avi":
        return 1 / fps
    both = math.lcm(fps.numerator, _FINE_HZ)
    frames = fps.numerator * math.ceil(_FINE_HZ / fps.numerator)
    return Fraction(1, next((hz for hz in (both, frames) if hz <= _MAX_HZ), _FINE_HZ))
