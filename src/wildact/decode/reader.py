"""Read a video frame by frame: upright RGB images with exact times, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av.error
import av.packet
import av.video.frame
from av.container import InputContainer
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from wildact.decode.files import MAX_PIXELS
from wildact.decode.probe import (
    UPRIGHT,
    open_video,
    orientation_of,
    probe_video,
    require_readable,
    rotation_of,
    stated_rates,
    time_base_of,
    upright,
)
from wildact.decode.still import is_still, read_still
from wildact.decode.timeline import Timeline
from wildact.errors import VideoError
from wildact.types import Frame, Image, Int64, VideoInfo

_MAX_READ_ERRORS = 16
"""Read errors in a row after which the rest of a file is given up."""


@dataclass(slots=True)
class _Damage:
    """How often something went wrong, and where first."""

    count: int = 0
    places: int = 0
    first: int = 0
    last: int = -2

    def add(self, index: int) -> None:
        """Count one more at the frame ``index``; neighbouring frames are one place."""
        if self.count == 0:
            self.first = index
        if index > self.last + 1:
            self.places += 1
        self.count += 1
        self.last = index


class VideoReader:
    """Decodes one video file, or a still image as a video of one frame; use it as a context manager.

    A damaged file yields every frame that can still be decoded; ``warnings`` says what was wrong. Pixels are
    given as stored (a sample aspect ratio other than 1 is not applied), upright, as 8-bit RGB. Where the size
    changes in the middle of a file, later frames are scaled to the size of the first.

    Attributes:
        info: what the header states.
        time_base: seconds per unit of ``pts``, exact.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Args:
            path: the video or image.

        Raises:
            VideoError: the file is missing, empty, not a video, or holds no video stream that can be decoded.
        """
        self.info: VideoInfo = probe_video(path)
        self._container: InputContainer | None = None
        self._rates: tuple[Fraction, ...] = (self.info.fps,)
        self._stated_ticks: int | None = None
        self.time_base = Fraction(1)
        if not is_still(path):
            self._container, self._stream = open_video(path)
            self._rates = stated_rates(self._stream)
            self._stated_ticks = self._stream.duration
            self.time_base = time_base_of(self._stream)
        self._timeline = Timeline(self.time_base, self.info.fps)
        self._reformatter = VideoReformatter()
        self._orientation = UPRIGHT
        self._size: tuple[int, int] | None = None
        self._last_duration = Fraction(0)
        self._started = False
        self._complete = False
        self._readable = False
        self._undecoded = _Damage()
        self._corrupt = _Damage()
        self._resized = _Damage()
        self._recoloured = _Damage()

    def frames(self, keep: Callable[[int, Fraction], bool] | None = None) -> Iterator[Frame]:
        """Decode the video once, from its first frame to its last.

        Args:
            keep: called with index and exact time (seconds since the first frame) of each frame; frames for
                which it returns False are decoded but neither converted to RGB nor yielded. None keeps all.

        Returns:
            The frames kept, in presentation order; ``Frame.index`` counts all that could be decoded.

        Raises:
            RuntimeError: it was called before on this reader.
            VideoError: while iterating, where a frame has a pixel format that cannot be converted to RGB, or
                where the file cannot be read any further, as from a card with a bad sector.
        """
        if self._started:
            raise RuntimeError("VideoReader.frames can be called once per reader; open another one")
        self._started = True
        return self._still_frame(keep) if self._container is None else self._frames(keep)

    def _still_frame(self, keep: Callable[[int, Fraction], bool] | None) -> Iterator[Frame]:
        image = read_still(self.info.path)
        self._size = (self.info.width, self.info.height)
        time = self._timeline.add(0)
        if keep is None or keep(0, time):
            yield Frame(0, time, image)
        self._complete = True

    def _frames(self, keep: Callable[[int, Fraction], bool] | None) -> Iterator[Frame]:
        for picture in self._pictures():
            index = len(self._timeline)
            time = self._timeline.add(picture.pts)
            if self._size is None:
                self._size = (picture.width, picture.height)
                self._orientation = orientation_of(picture)
            if (picture.width, picture.height) != self._size:
                self._resized.add(index)
            if picture.is_corrupt:
                self._corrupt.add(index)
            self._last_duration = (picture.duration or 0) * self.time_base
            if keep is None or keep(index, time):
                yield Frame(index, time, upright(self._to_rgb(picture, index), self._orientation))
        self._complete = True

    def _pictures(self) -> Iterator[av.video.frame.VideoFrame]:
        """All pictures that FFmpeg can decode, in presentation order."""
        for packet in self._packets():
            try:
                pictures = self._stream.decode(packet)
            except (av.error.FFmpegError, EOFError):
                self._undecoded.add(len(self._timeline))
                continue
            for picture in pictures:
                if 0 < picture.width * picture.height <= MAX_PIXELS:
                    yield picture
                else:
                    self._undecoded.add(len(self._timeline))

    def _packets(self) -> Iterator[av.packet.Packet[VideoStream] | None]:
        """The stream's packets, past read errors, and at the end None, which empties the decoder."""
        assert self._container is not None
        errors = 0
        packets = self._container.demux(self._stream)
        while errors < _MAX_READ_ERRORS:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                if not self._readable:  # once: that takes as long as copying the file
                    require_readable(self.info.path)
                    self._readable = True
                errors += 1
                packets = self._container.demux(self._stream)
                continue
            if packet is None or (packet.size == 0 and packet.dts is None):
                break
            errors = 0
            yield packet
        if errors:
            self._undecoded.add(len(self._timeline))
        yield None

    def _to_rgb(self, picture: av.video.frame.VideoFrame, index: int) -> Image:
        assert self._size is not None
        width, height = self._size
        try:
            rgb = self._reformatter.reformat(picture, width, height, "rgb24")
        except (av.error.FFmpegError, OSError, ValueError):
            # Damaged and exotic headers name colour spaces that FFmpeg does not convert.
            self._recoloured.add(index)
            bt601 = Colorspace.ITU601
            try:
                rgb = self._reformatter.reformat(picture, width, height, "rgb24", bt601, bt601)
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise VideoError(
                    f"{self.info.path}: frame {index} has the pixel format {picture.format.name}, which"
                    " cannot be converted to RGB; convert the video to H.264."
                ) from error
        return cast(Image, rgb.to_ndarray())

    @property
    def pts(self) -> Int64:
        """(F,) int64 times of the frames decoded so far, in units of ``time_base``, 0 at the first."""
        return self._timeline.pts

    def measured(self) -> VideoInfo:
        """What the frames say, once they are decoded.

        ``frames`` counts the decoded ones; ``fps`` is the stated rate where the frames' times agree with it,
        else the mean over the video; ``duration`` is exact and counts the last frame.

        Raises:
            VideoError: not one frame could be decoded.
        """
        if len(self._timeline) == 0 or self._size is None:
            raise VideoError(f"{self.info.path}: not one frame could be decoded; the file is damaged.")
        fps = self._timeline.fps(self._rates)
        constant = fps is None or fps in self._rates
        fps = fps or self.info.fps
        tail = 1 / fps if constant or self._last_duration <= 0 else self._last_duration
        width, height = self._size[::-1] if self._orientation[0] else self._size
        return replace(
            self.info,
            width=width,
            height=height,
            fps=fps,
            frames=len(self._timeline),
            duration=self._timeline.times[1] + tail,
            rotation=rotation_of(self._orientation),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about the file so far, in sentences; complete after the iteration."""
        return (*self._damage_warnings(), *self._time_warnings(), *self._header_warnings())

    def _damage_warnings(self) -> Iterator[str]:
        for damage, what in (
            (self._undecoded, "damaged: packets that could not be decoded"),
            (self._corrupt, "damaged: frames that could be decoded in part only"),
            (self._resized, "frames of another size than the first, scaled to it"),
            (self._recoloured, "frames that state a colour space unknown to FFmpeg, read as BT.601"),
        ):
            if damage.count:
                places = f" at {damage.places} places" if damage.places > 1 else ""
                first = f"first at frame {damage.first} ({self._clock(damage.first)})"
                yield f"{what}: {damage.count}{places}, {first}"

    def _time_warnings(self) -> Iterator[str]:
        line = self._timeline
        where = f"(first at frame {line.first_repair})"
        if not self._rates:
            yield f"the file states no frame rate: {self.info.fps} frames per second assumed"
        for count, what in (
            (line.missing, "missing timestamps, reconstructed from the frame rate"),
            (line.disordered, "timestamps that do not increase, moved after the frame before"),
            (line.jumps, "jumps of the clock, taken out"),
        ):
            if count:
                yield f"{what}: {count} {where}"

    def _header_warnings(self) -> Iterator[str]:
        if not self._complete or len(self._timeline) == 0:
            return
        found, stated = self.measured(), self.info
        if stated.frames is not None and stated.frames != found.frames:
            yield f"the header states {stated.frames} frames, {found.frames} could be decoded"
        assert found.duration is not None
        if self._stream_duration is not None and found.duration < self._stream_duration - 2 / found.fps:
            yield (
                f"truncated or damaged: the header states {_clock(self._stream_duration)} of video,"
                f" the last frame ends at {_clock(found.duration)}"
            )

    @property
    def _stream_duration(self) -> Fraction | None:
        """Stated length of the video stream alone; the container's may be that of the sound."""
        ticks = self._stated_ticks
        return ticks * self.time_base if ticks and ticks > 0 else None

    def _clock(self, index: int) -> str:
        pts = self._timeline.pts
        return _clock(Fraction(int(pts[min(index, len(pts) - 1)])) * self.time_base) if len(pts) else "0:00.0"

    def close(self) -> None:
        """Close the file; done by the end of the ``with`` block."""
        if self._container is not None:
            self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _clock(seconds: Fraction) -> str:
    """``m:ss.s``, as a player shows it."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"
