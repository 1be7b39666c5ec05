"""What a data package says beside its tables: the project, and the scientific names of what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from wildact.atomic import replacing
from wildact.datasets.csv_table import read_table, refuse_existing, write_template
from wildact.datasets.words import quote
from wildact.errors import DatasetError
from wildact.export.camtrap_dp import OWN_PROPERTIES, list_missing_facts
from wildact.export.taxa import RANKS, TAXA, ObservationType, Taxon

SPECIES_COLUMNS = ("label", "scientificName", "taxonRank", "observationType")
_KINDS = ("", *get_args(ObservationType))
_TEMPLATE: dict[str, Any] = {
    "title": "",
    "contributors": [{"title": "", "email": "", "role": "contact"}],
    "project": {"title": "", "samplingDesign": "", "captureMethod": ["activityDetection"]},
}


def load_project(path: Path) -> dict[str, Any]:
    """Read ``project.json``: properties of a Camtrap DP package as they stand in a ``datapackage.json``.

    Properties that are empty are left out, those that wildact writes itself (``resources`` and the like) too.

    Raises:
        DatasetError: if the file is no JSON object, or lacks something that Camtrap DP requires: all of it is
            listed.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    if needs := list_missing_facts(content):
        raise DatasetError(f"{path} lacks what Camtrap DP requires: {'; '.join(needs)}.")
    content["contributors"] = [_filled(contributor) for contributor in content["contributors"]]
    return {key: value for key, value in _filled(content).items() if key not in OWN_PROPERTIES}


def save_project_template(path: Path) -> None:
    """Write a ``project.json`` to be filled.

    Raises:
        OutputError: if the file is there already, or cannot be written.
    """
    refuse_existing(path)
    with replacing(path) as part:
        part.write_text(json.dumps(_TEMPLATE, indent=2) + "\n", encoding="utf-8")


def load_taxa(path: Path | None) -> dict[str, Taxon]:
    """Label in lower case -> taxon: those that wildact knows, and those of a ``species.csv`` before them.

    Raises:
        DatasetError: naming line and reason.
    """
    taxa = dict(TAXA)
    for where, row in read_table(path, SPECIES_COLUMNS[:2]).rows if path else ():
        rank, kind = row.get("taxonRank", ""), row.get("observationType", "")
        if not row["label"]:
            raise DatasetError(f"{where}: the label is empty.")
        if rank not in RANKS:
            raise DatasetError(f"{where}: taxonRank {quote(rank)} is none of {', '.join(RANKS[1:])}.")
        if kind not in _KINDS:
            raise DatasetError(f"{where}: observationType {quote(kind)} is none of {', '.join(_KINDS[1:])}.")
        taxa[row["label"].casefold()] = Taxon(row["scientificName"], rank, kind or "animal")  # type: ignore[arg-type]
    return taxa


def save_taxa_template(path: Path, labels: Iterable[str]) -> None:
    """Write a ``species.csv`` to be filled: a row for each label.

    Raises:
        OutputError: if the file is there already, or cannot be written.
    """
    write_template(path, SPECIES_COLUMNS, ({SPECIES_COLUMNS[0]: label} for label in sorted(labels)))


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", None)}
