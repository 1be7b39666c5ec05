"""When a recording began: what a file's tags and its name say, and what the camera's clock needs.

Read are, in this order of trust:

1. ``com.apple.quicktime.creationdate``, which states its zone;
2. ``DateTimeOriginal`` of EXIF, in the container or in the first picture of a Motion JPEG video;
3. ``creation_time`` of the container: UTC by ISO/IEC 14496-12 (MP4, MOV) and by Matroska, though some cameras
   write their own clock's time there; of an AVI (``IDIT``) without a zone;
4. ``DateTimeDigitized``, ``DateTime``, ``DATE_RECORDED`` and ``date``;
5. the file's name, where it holds date and time to the second, the year first: see :func:`read_file_name`.

A banner that is burnt into the picture is not read, nor is the file system's own time: copying changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from wildact.decode.probe import first_frame, open_video
from wildact.errors import VideoError
from wildact.types import RecordingTime

CREATION_TIME = "creation_time"
TAGS = (
    "com.apple.quicktime.creationdate", "datetimeoriginal", CREATION_TIME, "datetimedigitized", "datetime",
    "date_recorded", "date",
)  # fmt: skip
"""Tags that hold a time, in order of trust, in lower case."""

_ZONE_TAGS = {
    "datetimeoriginal": ("offsettimeoriginal", "0x9011"),
    "datetimedigitized": ("offsettimedigitized", "0x9012"),
    "datetime": ("offsettime", "0x9010"),
}
"""EXIF's tags for the zones of times; FFmpeg tells them by their numbers."""

FILE_NAME = "file name"
EARLIEST_YEAR = 1990
"""Times before are what clocks show that were never set (1904, 1970, 1980)."""
DISAGREEMENT = timedelta(minutes=10)
"""Two sources may differ by the length of a recording: some cameras note its end."""

_STAMP = re.compile(
    r"\s*(\d{4})[-:/.](\d\d)[-:/.](\d\d)/?[ T]+(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?\s*"
    r"(Z|UTC|[+-]\d\d:?\d\d)?\s*",
    re.ASCII,
)
_IN_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)"
    r"([ _.T-]{0,2})(\d\d)([-_.:]?)(\d\d)\7(\d\d)(?:\d{3})?(Z)?(?!\d)",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-]?)(?:(\d{1,6})d[ ]?)?(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d{1,6})?)", re.ASCII)
_SECONDS = re.compile(r"[+-]?\d{1,12}(\.\d{1,6})?", re.ASCII)
_FIXED_ZONE = re.compile(r"([+-])(\d\d):?([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What one source says about when a recording began.

    Attributes:
        source: e.g. ``tag creation_time`` or ``file name``.
        text: as it stands there.
        time: as the camera's clock showed it, naive; or with a zone where the source states one.
    """

    source: str
    text: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """How a camera's clock was set.

    Attributes:
        zone: in which it showed the time; None where nobody knows.
        offset: what is to be added to it, because it was wrong.
        local_tags: the camera writes its own time into ``creation_time``, which is to be UTC.
    """

    zone: tzinfo | None = None
    offset: timedelta = timedelta()
    local_tags: bool = False


def read_clock(path: Path) -> tuple[ClockReading, ...]:
    """All that a video says about when it was recorded, the most trustworthy first.

    Of a file that is gone or cannot be opened only the name is read.
    """
    readings = []
    with suppress(VideoError):
        tags = _read_tags(path)
        for tag in TAGS:
            text = tags.get(tag, "")
            zone = next((tags[name] for name in _ZONE_TAGS.get(tag, ()) if name in tags), "")
            time = parse_time(text + zone) or parse_time(text)
            if time is not None:
                readings.append(ClockReading(f"tag {tag}", text, time))
    in_name = read_file_name(path.name)
    return (*readings, in_name) if in_name else tuple(readings)


def read_file_name(name: str) -> ClockReading | None:
    """The time in a file's name, without folders; None where there is none.

    Found are the year (1990 to 2099), month, day, hour, minute and second, in this order and with all their
    digits, anywhere in the name:

    - ``20240131_235959``, ``20240131-235959``, ``20240131T235959``, ``20240131235959``, also with three
      digits of milliseconds behind them;
    - ``2024-01-31 23-59-59``, ``2024-01-31__23-59-59``, ``2024_01_31_23_59_59``, ``2024.01.31 23.59.59``.

    A ``Z`` right behind says that it is UTC. Of two times in one name the first is meant. Not read are names
    that only count (``PICT0001``, ``MFDC0001``, ``EK000059``), have no year (``07120049``), no seconds, or
    the month or the day first (``01312024``, ``31012024``).
    """
    for match in _IN_NAME.finditer(name):
        year, separator, month, day, between, hour, _, minute, second, zulu = match.groups()
        if not between and separator:
            continue
        with suppress(ValueError):
            time = datetime(*map(int, (year, month, day, hour, minute, second)))  # type: ignore[arg-type]
            if time.year >= EARLIEST_YEAR:
                return ClockReading(FILE_NAME, match[0], time.replace(tzinfo=UTC) if zulu else time)
    return None


def parse_time(text: str) -> datetime | None:
    """A moment as tags write it: ``2024-01-31T23:59:59.000000Z``, ``2024:01:31 23:59:59``, ``... +0100``.

    Returns:
        Naive where the text states no zone. None where it is no moment, or one before 1990.
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    *numbers, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    with suppress(ValueError):
        time = datetime(year, month, day, hour, minute, second, int((fraction or "0").ljust(6, "0")))
        if time.year >= EARLIEST_YEAR:
            return time.replace(tzinfo=None if zone is None else parse_zone(zone.replace("UTC", "Z")))
    return None


def parse_zone(text: str) -> tzinfo:
    """A time zone: ``Europe/Berlin``, ``UTC``, ``Z`` or a fixed offset like ``+01:00``.

    Raises:
        ValueError: a sentence that says what is wrong.
    """
    match = _FIXED_ZONE.fullmatch(text)
    if text == "Z":
        return UTC
    try:
        if match is None:
            return ZoneInfo(text)
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    except (KeyError, ValueError, OSError) as error:  # no such zone; no name of one; the name of a folder
        raise ValueError(
            f"{text!r} is no time zone; write one like Europe/Berlin, or an offset like +01:00"
        ) from error


def parse_clock_offset(text: str) -> timedelta:
    """What to add to a camera's time: seconds (``-90``) or ``[+-][DAYSd ]HH:MM:SS`` (``+5110d 03:20:00``).

    Raises:
        ValueError: a sentence that says what is wrong.
    """
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=float(text))
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no clock offset; write seconds, or [+-][DAYSd ]HH:MM:SS")
    sign, days, hours, minutes, seconds = match.groups()
    offset = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    return -offset if sign == "-" else offset


def correct_clock(reading: ClockReading, clock: Clock) -> RecordingTime:
    """The true time of a recording, from what a camera noted.

    Args:
        reading: what stands in a source.
        clock: of the camera; a time that states its own zone is told in the clock's.

    Raises:
        ValueError: a sentence that says that the zone is needed, or that the time is impossible.
    """
    time, stated = reading.time, reading.time.tzinfo is not None
    if clock.local_tags and stated and reading.source == f"tag {CREATION_TIME}":
        time, stated = time.replace(tzinfo=None), False
    if not stated and clock.zone is None:
        raise ValueError(
            f"{reading.text} ({reading.source}) is the camera's own time, and its time zone is unknown"
        )
    try:
        start = time + clock.offset
        start = start.astimezone(clock.zone or time.tzinfo) if stated else start.replace(tzinfo=clock.zone)
        start.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{reading.text} with an offset of {clock.offset} is no possible time") from error
    return RecordingTime(
        start=start,
        source=reading.source,
        text=reading.text,
        zone="" if stated else str(clock.zone),
        clock_offset_s=clock.offset.total_seconds(),
    )


def find_disagreement(times: Sequence[RecordingTime]) -> str:
    """A phrase where another source differs by more than ten minutes from the first; else empty."""
    for other in times[1:]:
        if abs(other.start - times[0].start) > DISAGREEMENT:
            return (
                f"{times[0].source} says {times[0].start.isoformat(timespec='seconds')}, "
                f"{other.source} {other.start.isoformat(timespec='seconds')}"
            )
    return ""


def _read_tags(path: Path) -> dict[str, str]:
    """Lower-case names of tags to values: of the container, of the video stream, of the first picture."""
    container, stream = open_video(path)
    tags: dict[str, str] = {}
    with container:
        frame = first_frame(container, stream)
        picture = getattr(frame, "metadata", {})  # older versions of PyAV do not hand it out
        for name, value in _items(container.metadata, stream.metadata, picture):
            tags.setdefault(name.casefold().rsplit("/", 1)[-1], value)
    return tags


def _items(*dictionaries: dict[str, str]) -> Iterator[tuple[str, str]]:
    for dictionary in dictionaries:
        yield from dictionary.items()
