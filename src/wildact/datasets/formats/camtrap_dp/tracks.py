"""Tracks and actions out of wildact's own tables in a Camtrap DP package."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from wildact.datasets.words import quote
from wildact.errors import DatasetError
from wildact.export.camtrap_columns import DETECTION_FIELDS
from wildact.labels import ActionLabel
from wildact.masks import from_coco
from wildact.types import Rle, Track

_FARTHEST_PX = 1e6
_TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
_COLUMNS = {name: _TYPES[kind] for name, kind, _ in DETECTION_FIELDS}


def read_tracks(path: Path, sizes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[Track, ...]]:
    """Read ``detections.csv``.

    Args:
        path: of the file.
        sizes: media -> height and width of its frames.

    Returns:
        Media -> tracks, by number.

    Raises:
        DatasetError: if the table is broken; the message names the animal.
    """
    try:
        table = pc.read_csv(
            path,
            read_options=pc.ReadOptions(use_threads=False),  # Arrow's threads may outlive the program
            parse_options=pc.ParseOptions(newlines_in_values=True),
            convert_options=pc.ConvertOptions(
                column_types=_COLUMNS, include_columns=list(_COLUMNS), strings_can_be_null=False
            ),
        )
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist.") from error
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:120]  # Arrow quotes whole rows
        raise DatasetError(f"{path} cannot be read: {reason}.") from error
    tracks: dict[str, list[Track]] = {}
    for rows in _split(table):
        media, individual = rows["mediaID"][0].as_py(), quote(rows["individualID"][0].as_py())
        if media not in sizes:
            raise DatasetError(
                f"{path}: {individual} is of media {quote(media)}, of which there is no recording."
            )
        try:
            tracks.setdefault(media, []).append(_track(rows, *sizes[media]))
        except ValueError as error:
            raise DatasetError(f"{path}: {individual}: {error}.") from error
    for media, of_media in tracks.items():
        of_media.sort(key=lambda track: track.track_id)
        if len({track.track_id for track in of_media}) < len(of_media):
            raise DatasetError(f"{path}: two animals of media {quote(media)} have the same trackID.")
    return {media: tuple(of_media) for media, of_media in tracks.items()}


def read_actions(
    observations: Iterable[Mapping[str, str]], own: Container[str]
) -> tuple[dict[str, tuple[ActionLabel, ...]], int]:
    """Actions out of ``observations.csv``: rows with a behaviour, whose tags give track and frames.

    Args:
        observations: rows.
        own: media whose observations wildact wrote.

    Returns:
        Media -> actions; and the number of bouts that lie between two frames, which are left out.

    Raises:
        DatasetError: naming the observation whose tags are broken.
    """
    actions: dict[str, list[ActionLabel]] = {}
    short = 0
    for row in observations:
        media, text = row.get("mediaID", ""), row.get("observationTags", "")
        if media not in own or not row.get("behavior"):
            continue
        tags = dict(tag.strip().split(":", 1) for tag in text.split("|") if ":" in tag)
        try:
            track, start, end = (int(tags[key]) for key in ("track", "start_frame", "end_frame"))
        except (KeyError, ValueError) as error:
            raise DatasetError(
                f"observation {quote(row['observationID'])}: its tags {quote(text)} give no track,"
                " start_frame and end_frame."
            ) from error
        if start == end:
            short += 1
        else:
            actions.setdefault(media, []).append(ActionLabel(track, row["behavior"], start, end))
    return {media: tuple(labels) for media, labels in actions.items()}, short


def _split(table: pa.Table) -> Iterable[pa.Table]:
    """One table for each animal, in the order in which they first come."""
    animals = table.column("individualID").combine_chunks().dictionary_encode()
    codes = animals.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = [*np.flatnonzero(np.diff(codes[order], prepend=-1)).tolist(), len(codes)]
    ordered = table.take(order)
    for start, end in pairwise(bounds):
        yield ordered.slice(start, end - start)


def _track(rows: pa.Table, height: int, width: int) -> Track:
    for name in ("trackID", "frame", "label", "x1", "y1", "x2", "y2"):
        if rows.column(name).null_count:
            raise ValueError(f"{name} is empty")
    for name in ("trackID", "label"):
        if len(rows.column(name).unique()) > 1:
            raise ValueError(f"it has more than one {name}")
    corners = np.stack([rows.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
    if not (abs(corners) <= _FARTHEST_PX).all() or (corners[:, 2:] < corners[:, :2]).any():
        raise ValueError("a box is turned inside out, or no number")
    occluded = rows.column("occluded")
    return Track(
        track_id=rows["trackID"][0].as_py(),
        label=rows["label"][0].as_py(),
        label_score=_score(rows["labelScore"][0].as_py()),
        frames=rows.column("frame").to_numpy().astype(np.int64),
        boxes=corners.astype(np.float32),
        scores=np.array([_score(score) for score in rows.column("score").to_pylist()], np.float32),
        masks=tuple(_mask(text, height, width) for text in rows.column("mask").to_pylist()),
        occluded=None if occluded.null_count else np.array(occluded.to_pylist(), bool),
        crowd=bool(rows["crowd"][0].as_py()),
    )


def _mask(counts: str, height: int, width: int) -> Rle | None:
    return from_coco({"size": [height, width], "counts": counts}) if counts else None


def _score(value: float | None) -> float:
    if value is None:
        return math.nan
    if not 0 <= value <= 1:
        raise ValueError(f"{value:g} is no score from 0 to 1")
    return value
