"""BORIS projects: JSON, also packed with gzip, of formats 4.0 to 7.0.

Reference: https://www.boris.unito.it/user_guide.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from wildact.datasets.formats.boris.events import (
    COMMENTS,
    FURTHER_PLAYERS,
    MODIFIERS,
    NO_VIDEO,
    POINT_EVENTS,
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

_GZIP = b"\x1f\x8b"
_MAX_BYTES = 2**28
"""No project is larger when unpacked: a small file of zeros would fill the memory."""
_STATE = "state event"


def read_boris_project(path: Path) -> Coding | None:
    """Read a project; None where the file is something else than a JSON object.

    Raises:
        DatasetError: naming file, observation and event, and reason.
    """
    content = _read_bytes(path)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    return _read_project(path, content)


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        if content[:2] != _GZIP:
            return content
        with gzip.open(path) as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist.") from error
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    if len(content) > _MAX_BYTES:
        raise DatasetError(f"{path} is larger than any project when unpacked; it may not be one.")
    return content


def _read_project(path: Path, content: bytes) -> Coding:
    try:
        project = json.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not JSON: {error}.") from error
    types = dict(_ethogram(path, project))
    dropped: Counter[Thing] = Counter()
    observations = []
    for name, entry in _objects(path, project, "observations").items():
        where = f"{path}: observation {quote(name)}"
        if entry.get("type") != "MEDIA":
            dropped[NO_VIDEO] += 1
            continue
        observations.append(_observation(where, entry, types, dropped))
    subjects = [str(s.get("name", "")) for s in _objects(path, project, "subjects_conf").values()]
    states = tuple(code for code, kind in types.items() if kind.startswith(_STATE))
    return Coding(tuple(observations), states, tuple(subjects), dropped)


def _ethogram(path: Path, project: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for number, behavior in _objects(path, project, "behaviors_conf").items():
        if not isinstance(behavior.get("code"), str) or not isinstance(behavior.get("type"), str):
            raise DatasetError(f"{path}: behaviors_conf entry {quote(number)} needs a code and a type.")
        yield behavior["code"], behavior["type"].lower()


def _objects(path: Path, project: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
    objects = project.get(key) if isinstance(project, dict) else None
    if not isinstance(objects, dict) or not all(isinstance(entry, dict) for entry in objects.values()):
        raise DatasetError(f"{path} is no BORIS project: '{key}' must be an object of objects.")
    return objects


def _observation(
    where: str, entry: Mapping[str, Any], types: Mapping[str, str], dropped: Counter[Thing]
) -> Observation:
    players = entry.get("file")
    if not isinstance(players, dict) or not all(isinstance(files, list) for files in players.values()):
        raise DatasetError(f"{where}: 'file' must be an object of lists of media files.")
    names = [str(name) for name in players.get("1", [])]
    if not names:
        raise DatasetError(f"{where} has no media file in its first player.")
    dropped[FURTHER_PLAYERS] += sum(len(files) for player, files in players.items() if player != "1")
    info = entry.get("media_info")
    info = info if isinstance(info, dict) else {}
    media = tuple(_media(where, name, info) for name in names)
    offset = _offset(where, entry, info, names)
    events = list(_events(where, entry, types, offset, dropped))
    variables = entry.get("independent_variables")
    variables = variables if isinstance(variables, dict) else {}
    return Observation(
        where, media, pair_events(where, events), {str(k): str(v) for k, v in variables.items()}
    )


def _media(where: str, name: str, info: Mapping[str, Any]) -> Media:
    length, fps = (_get(info.get(key), name) for key in ("length", "fps"))
    duration = None if length in (None, "NA") else read_seconds(where, f"the length of {quote(name)}", length)
    return Media(name, duration, read_fps(where, fps))


def _get(values: object, key: str) -> object:
    return values.get(key) if isinstance(values, dict) else None


def _offset(where: str, entry: Mapping[str, Any], info: Mapping[str, Any], names: list[str]) -> Fraction:
    """What BORIS adds to the times of events: the observation's offset, and perhaps the file's own date."""
    offset = read_seconds(where, "'time offset'", entry.get("time offset") or 0)
    dates = info.get("media_creation_time")
    if entry.get("media_creation_date_as_offset") and isinstance(dates, dict):
        offset += read_seconds(where, "'media_creation_time'", dates.get(names[0]) or 0)
    return offset


def _events(
    where: str, entry: Mapping[str, Any], types: Mapping[str, str], offset: Fraction, dropped: Counter[Thing]
) -> Iterator[Event]:
    events = entry.get("events")
    if not isinstance(events, list):
        raise DatasetError(f"{where}: 'events' must be a list.")
    for k, event in enumerate(events, start=1):
        if not isinstance(event, list) or len(event) < 3:
            raise DatasetError(f"{where}, event {k}: it must be a list of time, subject, behaviour, ...")
        time = read_seconds(f"{where}, event {k}", "the time", event[0]) - offset
        subject, behavior = str(event[1]), str(event[2])
        modifiers, comment = (str(event[n]) if len(event) > n else "" for n in (3, 4))
        if behavior not in types:
            raise DatasetError(f"{where}, event {k}: the behaviour {quote(behavior)} is not in the ethogram.")
        dropped[COMMENTS] += bool(comment)
        dropped[MODIFIERS] += modifiers not in ("", "None")
        if types[behavior].startswith(_STATE):
            yield Event(time, subject, behavior, modifiers)
        else:
            dropped[POINT_EVENTS] += 1
