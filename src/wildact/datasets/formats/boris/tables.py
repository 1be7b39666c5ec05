"""BORIS' exports of events as CSV or TSV, tabular and aggregated, read by the names of their columns.

The columns depend on the project and on the version of BORIS; those that are known under several names are
all listed here. Lines above the header, which older versions write, are skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wildact.datasets.csv_table import HeaderError, Table, read_table
from wildact.datasets.formats.boris.events import (
    COMMENTS,
    MODIFIERS,
    NO_VIDEO,
    POINT_EVENTS,
    CodedBout,
    Coding,
    Event,
    Media,
    Observation,
    pair_events,
    read_fps,
    read_seconds,
)
from wildact.datasets.words import Thing, quote
from wildact.errors import DatasetError

_COLUMNS = ("Subject", "Behavior")
_TABULAR, _AGGREGATED = ("Time",), ("Start (s)", "Stop (s)")
_STATUS = ("Behavior type", "Status")
_SOURCE = ("Source", "Media file name", "Media file path", "Media file")
_DURATION = ("Media duration (s)", "Total length")
_FPS = ("FPS", "FPS (frame/s)")
_NO_SUBJECT = "No focal subject"

Row = Mapping[str, str]


def read_boris_table(path: Path, variables: Sequence[str]) -> Coding:
    """Read a tabular or an aggregated export of one or several observations.

    Args:
        path: of the file.
        variables: independent variables to look for.

    Raises:
        DatasetError: if it is neither, or naming line and reason.
    """
    table = _read(path)
    groups: dict[str, list[tuple[str, Row]]] = {}
    for where, row in table.rows:
        groups.setdefault(row.get("Observation id", ""), []).append((where, row))
    dropped: Counter[Thing] = Counter()
    observations = []
    for name, rows in groups.items():
        if _is_live(rows[0][1]):
            dropped[NO_VIDEO] += 1
            continue
        observations.append(_observation(f"{path}: observation {quote(name)}", rows, variables, dropped))
    return Coding(
        observations=tuple(observations),
        behaviors=_names(bout.behavior for observation in observations for bout in observation.bouts),
        subjects=_names(bout.subject for observation in observations for bout in observation.bouts),
        dropped=dropped,
    )


def _read(path: Path) -> Table:
    try:
        table = read_table(path, _COLUMNS)
    except HeaderError:
        table = Table(path, (), ())
    if not any(set(times) <= set(table.columns) for times in (_TABULAR, _AGGREGATED)):
        raise DatasetError(
            f"{path} is neither a BORIS project nor an export of events: no line names the columns"
            f" {', '.join(_COLUMNS + _TABULAR)} or {', '.join(_COLUMNS + _AGGREGATED)}."
        )
    return table


def _observation(
    where: str, rows: Sequence[tuple[str, Row]], variables: Sequence[str], dropped: Counter[Thing]
) -> Observation:
    first = rows[0][1]
    media = _media(where, first)
    offset = read_seconds(where, "Time offset (s)", first.get("Time offset (s)") or "0")
    bouts: list[CodedBout] = []
    events: list[Event] = []
    for place, row in rows:
        status = _first(row, _STATUS).upper()
        dropped[COMMENTS] += any(row[c] for c in row if c.startswith("Comment"))
        dropped[MODIFIERS] += any(row[c] for c in row if c.startswith("Modifier"))
        if status == "POINT":
            dropped[POINT_EVENTS] += 1
            continue
        subject = "" if row["Subject"] == _NO_SUBJECT else row["Subject"]
        if "Start (s)" in row:
            start, stop = (read_seconds(place, c, row[c]) - offset for c in ("Start (s)", "Stop (s)"))
            if stop < start:
                raise DatasetError(f"{place}: {quote(row['Behavior'])} stops before it starts.")
            bouts.append(CodedBout(subject, row["Behavior"], start, stop))
        else:
            modifiers = "|".join(row[c] for c in row if c.startswith("Modifier"))
            time = read_seconds(place, "Time", row["Time"]) - offset
            events.append(Event(time, subject, row["Behavior"], modifiers, status))
    bouts += pair_events(where, events)
    return Observation(
        where=where,
        media=media,
        bouts=tuple(sorted(bouts, key=lambda bout: (bout.start, bout.stop))),
        variables={name: first[name] for name in variables if name in first},
    )


def _media(where: str, row: Row) -> tuple[Media, ...]:
    """The files of the first player: BORIS writes ``player #1:a.mp4;b.mp4|player #2:c.mp4``."""
    names = _first_player(_first(row, _SOURCE))
    durations, rates = _first_player(_first(row, _DURATION)), _first_player(_first(row, _FPS))
    if not names:
        raise DatasetError(f"{where} names no media file; its columns are {', '.join(row)}.")
    media = []
    for k, name in enumerate(names):
        duration = durations[k] if k < len(durations) and len(durations) == len(names) else ""
        rate = rates[k] if k < len(rates) else rates[0] if rates else ""
        seconds = None if duration in ("", "NA") else read_seconds(where, "the duration", duration)
        media.append(Media(name, seconds, read_fps(where, rate)))
    return tuple(media)


def _first_player(text: str) -> list[str]:
    text = text.split("|player #", 1)[0].removeprefix("player #1:")
    return [part.strip() for part in text.split("|", 1)[0].split(";") if part.strip()]


def _is_live(row: Row) -> bool:
    kind = row.get("Observation type", "").lower()
    return "live" in kind or "images" in kind


def _first(row: Row, columns: Sequence[str]) -> str:
    return next((row[column] for column in columns if row.get(column)), "")


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
