"""Camtrap DP 1.0.2: a camera-trap data package of deployments, media and observations.

Behaviour is in it, and so are the animals of a video told apart: see :mod:`wildact.export.camtrap_rows` for
what becomes a row. Two tables are added that the standard allows and does not define: ``recordings.csv``
(frame rate, size and exact time of each video) and ``detections.csv`` (each animal's box and mask on each
frame).

Reference: https://camtrap-dp.tdwg.org; Bubnicki et al. 2024, Remote Sensing in Ecology and Conservation.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wildact.atomic import replacing
from wildact.errors import OutputError
from wildact.export.camtrap_columns import (
    DEPLOYMENT_COLUMNS,
    DETECTION_FIELDS,
    DETECTIONS,
    MEDIA_COLUMNS,
    OBSERVATION_COLUMNS,
    RECORDING_FIELDS,
    RECORDINGS,
)
from wildact.export.camtrap_rows import detection_rows, media_row, observation_rows, recording_row
from wildact.export.recording import Recording
from wildact.export.taxa import Taxon

VERSION: Final = "1.0.2"
SCHEMAS: Final = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"

SAMPLING_DESIGNS: Final = (
    "simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted", "opportunistic",
)  # fmt: skip
CAPTURE_METHODS: Final = ("activityDetection", "timeLapse")
RECORDINGS_FILE: Final = "recordings.csv"
DETECTIONS_FILE: Final = "detections.csv"
OWN_PROPERTIES: Final = ("resources", "profile", "created", "spatial", "temporal", "taxonomic")
"""What wildact says itself of a package; a project says all else."""


def save_camtrap_dp(
    folder: Path,
    recordings: Iterable[tuple[Recording, str]],
    *,
    deployments: Sequence[Mapping[str, str]],
    project: Mapping[str, Any],
    taxa: Mapping[str, Taxon],
    classified: str = "",
    created: datetime | None = None,
) -> None:
    """Write a package into ``folder``: a ``datapackage.json`` and five tables, the videos not among them.

    One recording at a time is held. The files replace older ones only after the last row is written, so that
    an error leaves an earlier package as it was.

    Args:
        folder: made where missing.
        recordings: each with the deployment it belongs to, and with its time.
        deployments: rows of ``deployments.csv``: names of ``DEPLOYMENT_COLUMNS`` to text that fits them.
        project: properties of the package, with all that :func:`list_missing_facts` asks for.
        taxa: label in lower case -> what it stands for.
        classified: when the videos were analysed, as Camtrap DP writes moments.
        created: when the package was made; None: now.

    Raises:
        OutputError: if the files cannot be written, a time is missing, or a label has no taxon.
    """
    found: set[Taxon] = set()
    unknown: set[str] = set()
    with ExitStack() as stack:
        package = stack.enter_context(replacing(folder / "datapackage.json"))  # the first in is the last out
        table = _Tables(stack, folder)
        table.write("deployments.csv", deployments)
        for recording, deployment_id in recordings:
            labels = {track.label for track in recording.result.tracks}
            named = {label: taxa[label.casefold()] for label in labels if label.casefold() in taxa}
            unknown |= labels - set(named)
            found |= set(named.values())
            if unknown:
                continue  # all labels without a name are said at once
            table.write("media.csv", [media_row(recording, deployment_id)])
            rows = observation_rows(recording, deployment_id, named, classified=classified)
            table.write("observations.csv", rows)
            table.write(RECORDINGS_FILE, [recording_row(recording, deployment_id)])
            table.write(DETECTIONS_FILE, detection_rows(recording, deployment_id))
        if unknown:
            raise OutputError(
                f"no scientific name is known for {', '.join(sorted(unknown))}; list them in a CSV file with "
                "the columns label,scientificName and name it with --species."
            )
        document = _describe(project, deployments, found, created or datetime.now(UTC))
        package.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def list_missing_facts(project: Mapping[str, Any]) -> list[str]:
    """What Camtrap DP requires a project to say and this one does not, one phrase each."""
    needs = []
    contributors = project.get("contributors")
    if not isinstance(contributors, list) or not contributors or not all(map(_has_title, contributors)):
        needs.append("contributors: a list of people or organisations, each with a title (its name)")
    facts = project.get("project")
    facts = facts if isinstance(facts, Mapping) else {}
    if not isinstance(facts.get("title"), str) or not facts["title"].strip():
        needs.append("project.title: what the project is called")
    if facts.get("samplingDesign") not in SAMPLING_DESIGNS:
        needs.append(f"project.samplingDesign: one of {', '.join(SAMPLING_DESIGNS)}")
    methods = facts.get("captureMethod")
    if not isinstance(methods, list) or not methods or not set(map(str, methods)) <= set(CAPTURE_METHODS):
        needs.append(f"project.captureMethod: a list of {' and '.join(CAPTURE_METHODS)}, or one of them")
    return needs


class _Tables:
    """The package's tables, open for writing."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.writers: dict[str, csv.DictWriter[str]] = {}
        columns = {
            "deployments.csv": DEPLOYMENT_COLUMNS,
            "media.csv": MEDIA_COLUMNS,
            "observations.csv": OBSERVATION_COLUMNS,
            RECORDINGS_FILE: _names(RECORDING_FIELDS),
            DETECTIONS_FILE: _names(DETECTION_FIELDS),
        }
        for name, header in columns.items():
            path = stack.enter_context(replacing(folder / name))
            file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            self.writers[name] = csv.DictWriter(file, header, restval="", lineterminator="\n")
            self.writers[name].writeheader()

    def write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self.writers[name].writerows(rows)


def _has_title(contributor: Any) -> bool:
    return isinstance(contributor, Mapping) and bool(str(contributor.get("title") or "").strip())


def _names(fields: Sequence[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(name for name, _, _ in fields)


def _describe(
    project: Mapping[str, Any],
    deployments: Sequence[Mapping[str, str]],
    taxa: Iterable[Taxon],
    created: datetime,
) -> dict[str, Any]:
    """The content of ``datapackage.json``."""
    facts = {key: value for key, value in project.items() if key not in (*OWN_PROPERTIES, "project")}
    return {
        "resources": [
            *(_standard_resource(name) for name in ("deployments", "media", "observations")),
            _own_resource(RECORDINGS, RECORDINGS_FILE, RECORDING_FIELDS),
            _own_resource(DETECTIONS, DETECTIONS_FILE, DETECTION_FIELDS),
        ],
        "profile": f"{SCHEMAS}camtrap-dp-profile.json",
        "created": created.isoformat(timespec="seconds"),
        **facts,
        "project": {
            "individualAnimals": False,  # tracks are told apart within a video, animals are not recognised
            **project["project"],
            "observationLevel": ["media", "event"],
        },
        "spatial": _spatial(deployments),
        "temporal": {
            "start": min(row["deploymentStart"] for row in deployments)[:10],
            "end": max(row["deploymentEnd"] for row in deployments)[:10],
        },
        "taxonomic": [
            {"scientificName": name} | ({"taxonRank": rank} if rank else {})
            for name, rank in sorted({(taxon.scientific_name, taxon.rank) for taxon in taxa})
            if name
        ],
    }


def _standard_resource(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{SCHEMAS}{name}-table-schema.json",
    }


def _own_resource(name: str, path: str, fields: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "name": name,
        "description": "A table of wildact's own; not part of the Camtrap DP model.",
        "path": path,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": {
            "fields": [
                {"name": field, "type": kind, "description": meaning} for field, kind, meaning in fields
            ],
            "foreignKeys": [
                {"fields": "mediaID", "reference": {"resource": "media", "fields": "mediaID"}},
            ],
        },
    }


def _spatial(deployments: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """GeoJSON: the box around all deployments; where it has no area, their points."""
    points = sorted({(float(row["longitude"]), float(row["latitude"])) for row in deployments})
    longitudes, latitudes = zip(*points, strict=True)
    west, east, south, north = min(longitudes), max(longitudes), min(latitudes), max(latitudes)
    if west == east or south == north:
        return {"type": "MultiPoint", "coordinates": [list(point) for point in points]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
