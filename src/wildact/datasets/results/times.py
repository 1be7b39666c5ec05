"""When each video was recorded: from ``times.csv``, where a person gave it, else from the video itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from wildact.datasets.csv_table import read_table, write_template
from wildact.datasets.words import quote
from wildact.decode.clock import (
    Clock,
    ClockReading,
    correct_clock,
    find_disagreement,
    parse_time,
    parse_zone,
    read_clock,
)
from wildact.errors import DatasetError
from wildact.types import RecordingTime

COLUMNS = ("video", "recorded", "timeZone")


def load_times(path: Path) -> dict[str, ClockReading]:
    """Read ``times.csv``: video -> when it was recorded, as a person knows it.

    ``recorded`` is ISO 8601 (``2024-01-31 23:59:59``, with or without an offset); ``timeZone`` may be left
    out. Rows without a time are those of a template that nobody has filled yet: they say nothing.

    Raises:
        DatasetError: naming line and reason.
    """
    table = read_table(path, COLUMNS[:2])
    times: dict[str, ClockReading] = {}
    for where, row in table.rows:
        if not row["recorded"]:
            continue
        time = parse_time(row["recorded"])
        if time is None:
            raise DatasetError(
                f"{where}: recorded must be a date with a time, such as 2024-01-31 23:59:59, not"
                f" {quote(row['recorded'])}."
            )
        try:
            if row.get("timeZone") and time.tzinfo is None:
                time = time.replace(tzinfo=parse_zone(row["timeZone"]))
        except ValueError as error:
            raise DatasetError(f"{where}: {error}.") from error
        name = row["video"].removeprefix("./")
        if name in times:
            raise DatasetError(f"{where}: the video {quote(name)} stands in the table twice.")
        text = f"{row['recorded']} {row.get('timeZone', '')}".strip()
        times[name] = ClockReading(path.name, text, time)
    return times


def find_time(
    name: str, path: Path, clock: Clock, given: Mapping[str, ClockReading]
) -> tuple[RecordingTime | None, str]:
    """When a video was recorded, and what is to be said about it.

    Args:
        name: of the video, by which ``given`` may know it.
        path: of the file; where it is gone, only its name is read.
        clock: of its camera; what a person gave is not corrected by its offset.
        given: from :func:`load_times`.

    Returns:
        The time, and an empty text or a phrase about sources that disagree; or None, and why there is none.
    """
    if name in given:
        readings: Sequence[ClockReading] = (given[name],)
        clock = replace(clock, offset=timedelta())
    else:
        readings = read_clock(path)
    times, reason = [], ""
    for reading in readings:
        try:
            times.append(correct_clock(reading, clock))
        except ValueError as error:
            reason = reason or str(error)
    if times:
        return times[0], find_disagreement(times)
    if not reason:
        gone = "" if path.exists() else f"; {path} is gone, so that only its name could be read"
        reason = f"neither tags nor the file's name tell when it was recorded{gone}"
    return None, reason


def save_times_template(path: Path, videos: Sequence[str]) -> None:
    """Write a ``times.csv`` to be filled: a row for each of the videos.

    Raises:
        OutputError: if the file is there already, or cannot be written.
    """
    write_template(path, COLUMNS, ({COLUMNS[0]: video} for video in videos))
