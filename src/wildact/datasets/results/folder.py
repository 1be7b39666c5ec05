"""What ``wildact run`` found, as recordings for the exports and as a labelled data set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from wildact.datasets.csv_table import read_table
from wildact.datasets.results.deployments import split_place
from wildact.datasets.words import quote
from wildact.errors import DatasetError
from wildact.export.recording import Recording
from wildact.export.result import MARKER, load_result
from wildact.export.tables import original_name
from wildact.types import UNKNOWN

IN_FOLDER = re.compile(r"videos/[A-Za-z0-9][A-Za-z0-9._-]*")
"""What ``videos.csv`` says of where a result is; nothing in it leads out of the folder."""


@dataclass(frozen=True, slots=True)
class Results:
    """A folder of results.

    Attributes:
        folder: of ``wildact run``.
        videos: name of the video -> folder of its result, by name.
        failed: name of the video, and why it could not be analysed.
        analysed: when the run ended, as ``run.json`` says it in UTC; empty where it does not.
    """

    folder: Path
    videos: dict[str, Path]
    failed: tuple[tuple[str, str], ...]
    analysed: str


def find_results(folder: Path) -> Results:
    """List what a run left in its folder: the videos of ``videos.csv``.

    Raises:
        DatasetError: if the folder is none of ``wildact run``, or a result that its table names is not there.
    """
    if not (folder / "videos.csv").is_file():
        raise DatasetError(
            f"{folder} is no folder of results: it holds no videos.csv, as `wildact run` makes it."
        )
    table = read_table(folder / "videos.csv", ("video", "status", "error", "folder"))
    videos, failed = {}, []
    for where, row in table.rows:
        name = original_name(row["video"])
        if ".." in PurePosixPath(name).parts:
            raise DatasetError(f"{where}: {quote(name)} is no name of a video; run `wildact run` again.")
        if row["status"] == "failed":
            failed.append((name, row["error"]))
        elif IN_FOLDER.fullmatch(row["folder"]) and (folder / row["folder"] / MARKER).is_file():
            videos[name] = folder / row["folder"]
        else:
            raise DatasetError(f"{where}: the result of {quote(name)} is not in {folder / 'videos'}.")
    return Results(folder, dict(sorted(videos.items())), tuple(failed), _read_date(folder / "run.json"))


def read_recordings(results: Results) -> Iterator[Recording]:
    """The videos of a run, one in memory at a time; site and camera from the names of the folders.

    Bouts of an unknown action are left out: in a label it would be an action of that name.

    Raises:
        DatasetError: if a result is damaged.
    """
    for name, folder in results.videos.items():
        site, camera = split_place(name)
        result = load_result(folder)
        result = replace(result, bouts=tuple(bout for bout in result.bouts if bout.action != UNKNOWN))
        yield Recording(name, result, site=site, camera=camera, light=result.light)


def _read_date(path: Path) -> str:
    if not path.is_file():
        return ""
    environment = _read_json(path).get("environment")
    return str(environment.get("date_utc") or "") if isinstance(environment, dict) else ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}); run `wildact run` again.") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is damaged (no JSON object); run `wildact run` again.")
    return content
