"""What a person knows of camera traps and no video tells: where they stood, when, how the clock was set.

``deployments.csv`` has Camtrap DP's columns of that table and, in front of them, ``videos``: the folder (or
the one video) whose recordings a row is about; ``.`` is all that no other row names. ``timeZone``,
``clockOffset`` and ``creationTime`` say how the camera's clock was set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from wildact.datasets.csv_table import read_table, write_template
from wildact.datasets.words import quote
from wildact.decode.clock import Clock, parse_clock_offset, parse_time, parse_zone
from wildact.errors import DatasetError
from wildact.export.camtrap_columns import DEPLOYMENT_COLUMNS

CLOCK_COLUMNS = ("timeZone", "clockOffset", "creationTime")
COLUMNS = (
    "videos",
    "deploymentID",
    "latitude",
    "longitude",
    "deploymentStart",
    "deploymentEnd",
    *CLOCK_COLUMNS,
)
"""Of a template; the other columns of Camtrap DP may be added."""
REQUIRED = ("videos", "deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd")
CREATION_TIMES = ("", "utc", "camera")
ALL_OTHERS = "."

_NUMBERS: dict[str, tuple[float, float]] = {
    "latitude": (-90, 90), "longitude": (-180, 180), "coordinateUncertainty": (1, 1e9),
    "cameraDelay": (0, 1e9), "cameraHeight": (0, 1e6), "cameraDepth": (0, 1e6), "cameraTilt": (-90, 90),
    "cameraHeading": (0, 360), "detectionDistance": (0, 1e6),
}  # fmt: skip
_WHOLE = frozenset({"coordinateUncertainty", "cameraDelay", "cameraTilt", "cameraHeading"})
_BOOLEANS = frozenset({"timestampIssues", "baitUse"})
_FEATURES = frozenset(
    [
        "", "roadPaved", "roadDirt", "trailHiking", "trailGame", "roadUnderpass", "roadOverpass",
        "roadBridge", "culvert", "burrow", "nestSite", "carcass", "waterSource", "fruitingTree",
    ]
)  # fmt: skip
_CARD_FOLDER = re.compile(r"\d{3}\w{5}")  # CIPA DC-009: three digits and five characters below DCIM


@dataclass(frozen=True, slots=True)
class Deployment:
    """One camera at one place for one time.

    Attributes:
        videos: folder or video that it made, ``.`` for all others.
        row: Camtrap DP's columns, as its table writes them.
        start: of the deployment.
        end: of the deployment.
        clock: of the camera.
    """

    videos: str
    row: dict[str, str]
    start: datetime
    end: datetime
    clock: Clock


def load_deployments(path: Path, default: Clock) -> tuple[Deployment, ...]:
    """Read ``deployments.csv``.

    Args:
        path: of the file.
        default: of the clocks of which the table does not say anything else.

    Raises:
        DatasetError: naming all empty cells that are needed, or the line and what is wrong with it.
    """
    table = read_table(path, REQUIRED)
    known = {*DEPLOYMENT_COLUMNS, "videos", *CLOCK_COLUMNS}
    if unknown := [column for column in table.columns if column not in known]:
        raise DatasetError(f"{path}: {quote(unknown[0])} is no column of a deployment in Camtrap DP.")
    empty = [
        f"line {where.rsplit(' ', 1)[1]}: {', '.join(missing)}"
        for where, row in table.rows
        if (missing := [column for column in REQUIRED if not row[column]])
    ]
    if empty:
        more = f" and {len(empty) - 10} more lines" if len(empty) > 10 else ""
        raise DatasetError(f"{path} has empty cells that are needed ({'; '.join(empty[:10])}{more}).")
    if not table.rows:
        raise DatasetError(f"{path} has no row; it needs one for each deployment.")
    deployments = tuple(_deployment(where, row, default) for where, row in table.rows)
    for name in ("videos", "deploymentID"):
        values = [
            deployment.videos if name == "videos" else deployment.row[name] for deployment in deployments
        ]
        if doubles := [value for value in values if values.count(value) > 1]:
            raise DatasetError(f"{path}: two rows have the {name} {quote(doubles[0])}; each needs its own.")
    return deployments


def find_deployment(video: str, deployments: Iterable[Deployment]) -> Deployment | None:
    """The deployment whose ``videos`` names the video, or the nearest folder above it."""
    parts = PurePosixPath(video).parts
    fitting = [d for d in deployments if _parts(d.videos) == parts[: len(_parts(d.videos))]]
    return max(fitting, key=lambda deployment: len(_parts(deployment.videos)), default=None)


def find_place(video: str) -> str:
    """The folder of a camera within the input, ``.`` where there is none; card folders (DCIM) left out."""
    parts = PurePosixPath(video).parts[:-1]
    if len(parts) > 1 and parts[-2].upper() == "DCIM" and _CARD_FOLDER.fullmatch(parts[-1]):
        parts = parts[:-1]
    if parts and parts[-1].upper() == "DCIM":
        parts = parts[:-1]
    return "/".join(parts) or ALL_OTHERS


def split_place(video: str) -> tuple[str, str]:
    """Site and camera: the names of the outermost and the innermost folder; empty where there is none."""
    parts = _parts(find_place(video))
    return (parts[0] if parts else "", parts[-1] if len(parts) > 1 else "")


def save_template(path: Path, videos: Sequence[str]) -> None:
    """Write a ``deployments.csv`` to be filled: a row for each folder of videos.

    Raises:
        OutputError: if the file is there already, or cannot be written.
    """
    places = sorted({find_place(video) for video in videos})
    names = ("deployment" if place == ALL_OTHERS else place.replace("/", "_") for place in places)
    rows = ({"videos": place, "deploymentID": name} for place, name in zip(places, names, strict=True))
    write_template(path, COLUMNS, rows)


def _parts(videos: str) -> tuple[str, ...]:
    return PurePosixPath(videos).parts  # of "." there are none


def _deployment(where: str, row: dict[str, str], default: Clock) -> Deployment:
    clock = _clock(where, row, default)
    start, end = (_moment(where, row, column, clock) for column in ("deploymentStart", "deploymentEnd"))
    if start > end:
        raise DatasetError(f"{where}: deploymentEnd lies before deploymentStart.")
    values = {column: _value(where, column, row.get(column, "")) for column in DEPLOYMENT_COLUMNS}
    values |= {
        "deploymentStart": start.isoformat(timespec="seconds"),
        "deploymentEnd": end.isoformat(timespec="seconds"),
    }
    videos = row["videos"].replace("\\", "/")
    return Deployment(str(PurePosixPath(videos)), values, start, end, clock)


def _clock(where: str, row: dict[str, str], default: Clock) -> Clock:
    if row.get("creationTime", "") not in CREATION_TIMES:
        raise DatasetError(
            f"{where}: creationTime must be utc, camera or empty, not {quote(row['creationTime'])}."
        )
    clock = default
    try:
        if row.get("timeZone"):
            clock = replace(clock, zone=parse_zone(row["timeZone"]))
        if row.get("clockOffset"):
            clock = replace(clock, offset=parse_clock_offset(row["clockOffset"]))
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    if row.get("creationTime"):
        clock = replace(clock, local_tags=row["creationTime"] == "camera")
    return clock


def _moment(where: str, row: dict[str, str], column: str, clock: Clock) -> datetime:
    moment = parse_time(row[column])
    if moment is None:
        raise DatasetError(
            f"{where}: {column} must be a date with a time, like 2024-01-31 12:00, not {quote(row[column])}."
        )
    if moment.tzinfo is None and clock.zone is None:
        raise DatasetError(f"{where}: the time zone of {column} is unknown; write it in the column timeZone.")
    return moment.replace(tzinfo=clock.zone) if moment.tzinfo is None else moment


def _value(where: str, column: str, text: str) -> str:
    """A cell as Camtrap DP's schema wants it."""
    if column in _BOOLEANS and text:
        if text.lower() not in ("true", "false"):
            raise DatasetError(f"{where}: {column} must be true, false or empty, not {quote(text)}.")
        return text.lower()
    if column == "featureType" and text not in _FEATURES:
        raise DatasetError(
            f"{where}: featureType {quote(text)} is none of {', '.join(sorted(_FEATURES)[1:])}."
        )
    if column in _NUMBERS and text:
        _check_number(where, column, text)
    return text


def _check_number(where: str, column: str, text: str) -> None:
    low, high = _NUMBERS[column]
    pattern = r"[+-]?\d+" if column in _WHOLE else r"[+-]?\d+(\.\d+)?"
    if not re.fullmatch(pattern, text, re.ASCII) or not low <= float(text) <= high:
        kind = "whole number" if column in _WHOLE else "number"
        limits = f"of at least {low:g}" if high > 1000 else f"from {low:g} to {high:g}"
        raise DatasetError(f"{where}: {column} must be a {kind} {limits}, not {quote(text)}.")
