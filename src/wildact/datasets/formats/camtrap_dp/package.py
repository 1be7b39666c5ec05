"""A Camtrap DP package as it is: every row of its tables, and that they fit together.

Reference: https://camtrap-dp.tdwg.org (versions 1.0 to 1.0.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wildact.datasets.csv_table import Table, read_table
from wildact.datasets.dataset import leads_out
from wildact.datasets.formats.documents import Part, load_document
from wildact.datasets.words import quote
from wildact.errors import DatasetError
from wildact.export.camtrap_columns import DETECTIONS, RECORDINGS

DESCRIPTOR = "datapackage.json"

_REQUIRED = {
    "deployments": ("deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd"),
    "media": ("mediaID", "deploymentID", "timestamp", "filePath", "filePublic", "fileMediatype"),
    "observations": (
        "observationID", "deploymentID", "eventStart", "eventEnd", "observationLevel", "observationType",
    ),
}  # fmt: skip
_KEYS = {"deployments": "deploymentID", "media": "mediaID", "observations": "observationID"}
_LEVELS = ("media", "event")
_MISSING = frozenset({"NA", "NaN", "nan"})

Row = Mapping[str, str]


class Resource(Part):
    """A table of the package."""

    name: str = ""
    path: Any = None


class Descriptor(Part):
    """``datapackage.json``."""

    title: str | None = None
    resources: list[Resource]


@dataclass(frozen=True, slots=True)
class Package:
    """A package, row by row: column -> text, empty where the value is missing.

    Attributes:
        folder: where it lies.
        title: of the package; may be empty.
        deployments: one row each.
        media: one row each.
        observations: of both levels, one row each.
        recordings: wildact's own table; no rows in a package of others.
        detections: the file of wildact's other own table; None in a package of others.
    """

    folder: Path
    title: str
    deployments: tuple[Row, ...]
    media: tuple[Row, ...]
    observations: tuple[Row, ...]
    recordings: tuple[Row, ...]
    detections: Path | None


def load_package(path: Path) -> Package:
    """Read a package and check that its tables fit together.

    Args:
        path: the package's folder, or its ``datapackage.json``.

    Raises:
        DatasetError: naming file, line and reason: no JSON, a table that is missing or lies elsewhere, a
            column
            that is missing, an id that is given twice or leads nowhere.
    """
    descriptor = path if path.suffix == ".json" else path / DESCRIPTOR
    document = load_document(descriptor, Descriptor)
    paths = _find_tables(descriptor, document.resources)
    tables = {name: read_table(paths[name], columns) for name, columns in _REQUIRED.items()}
    ids = {name: _check_ids(tables[name], key) for name, key in _KEYS.items()}
    _check_links(tables["media"], "deploymentID", ids["deployments"])
    _check_links(tables["observations"], "deploymentID", ids["deployments"])
    _check_links(tables["observations"], "mediaID", ids["media"])
    for where, row in tables["observations"].rows:
        if row["observationLevel"] not in _LEVELS:
            raise DatasetError(
                f"{where}: observationLevel {quote(row['observationLevel'])} is not media or event."
            )
    own = None
    if RECORDINGS in paths:
        own = read_table(paths[RECORDINGS], ("mediaID", "video", "fps", "frames", "width", "height"))
        _check_links(own, "mediaID", ids["media"])
    return Package(
        folder=descriptor.parent,
        title=document.title or "",
        deployments=_rows(tables["deployments"]),
        media=_rows(tables["media"]),
        observations=_rows(tables["observations"]),
        recordings=_rows(own) if own else (),
        detections=paths.get(DETECTIONS),
    )


def _find_tables(descriptor: Path, resources: Iterable[Resource]) -> dict[str, Path]:
    """Name of the table -> its file, of the tables that wildact knows."""
    paths = {}
    for resource in resources:
        if resource.name not in (*_REQUIRED, RECORDINGS, DETECTIONS):
            continue
        if not isinstance(resource.path, str) or not _is_inside(resource.path):
            raise DatasetError(
                f"{descriptor}: the path of '{resource.name}' must be one file within the package, not "
                f"{str(resource.path)[:80]!r}; put it there first."
            )
        paths[resource.name] = descriptor.parent / resource.path
    if missing := [name for name in _REQUIRED if name not in paths]:
        raise DatasetError(f"{descriptor} lists no resource '{missing[0]}': it is no Camtrap DP package.")
    return paths


def _is_inside(text: str) -> bool:
    return text.isprintable() and bool(PurePosixPath(text).parts) and not leads_out(text)


def _check_ids(table: Table, key: str) -> set[str]:
    ids: set[str] = set()
    for where, row in table.rows:
        if not row[key]:
            raise DatasetError(f"{where}: {key} is empty.")
        if row[key] in ids:
            raise DatasetError(f"{where}: {key} {quote(row[key])} is given twice.")
        ids.add(row[key])
    return ids


def _check_links(table: Table, column: str, known: set[str]) -> None:
    for where, row in table.rows:
        if row.get(column) and row[column] not in known:
            raise DatasetError(f"{where}: there is no {column} {quote(row[column])} in the package.")


def _rows(table: Table) -> tuple[Row, ...]:
    return tuple(
        {column: "" if text in _MISSING else text for column, text in row.items()} for _, row in table.rows
    )
