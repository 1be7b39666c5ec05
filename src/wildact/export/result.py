"""One video's result <-> one folder, without loss.

``result.json`` holds everything but the boxes and masks, which are in ``detections.parquet`` (one row for
each track and frame). The JSON names the Parquet file's SHA-256, so that a damaged file, or a pair that was
written by two different runs, is noticed and not read. Exact numbers (frame rate, time base, duration) are
written as ``"30000/1001"``; missing scores (nan) are null. The frames' integer times are stored as runs of
equal steps, one pair for a video of constant frame rate.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wildact.atomic import replacing
from wildact.errors import DatasetError
from wildact.types import ActionScores, Bout, Float32, Int64, Rle, Track, VideoInfo, VideoResult

RESULT: Final = "result.json"

MARKER: Final = "done.json"
"""Written last into the folder of a video's results: what they were made from."""

FORMAT: Final = "wildact-result"
VERSION: Final = 2

DETECTION_SCHEMA: Final = pa.schema(
    [
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("track_id", pa.int64(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("score", pa.float32()),
        *(pa.field(name, pa.float32(), nullable=False) for name in ("x1", "y1", "x2", "y2")),
        pa.field("interpolated", pa.bool_(), nullable=False),
        pa.field("mask_height", pa.int32()),
        pa.field("mask_width", pa.int32()),
        pa.field("mask_counts", pa.string()),
    ]
)
"""One row for each track and frame: boxes in pixels of the original frame, masks as COCO's compressed
run lengths; ``score`` is null where ``interpolated``, the three mask columns are null where there is none."""


def save_result(folder: Path, result: VideoResult) -> None:
    """Write ``result.json`` and ``detections.parquet`` into ``folder``, which is made where missing.

    Raises:
        OutputError: if they cannot be written.
        ValueError: if a track reaches beyond the last frame, or ``result.models`` holds what JSON cannot.
    """
    parquet = _parquet_bytes(detections_table(result))
    document = _to_json(result) | {"detections_sha256": hashlib.sha256(parquet).hexdigest()}
    text = json.dumps(document, indent=1, allow_nan=False)
    with replacing(folder / "detections.parquet") as path:
        path.write_bytes(parquet)
    with replacing(folder / RESULT) as path:  # last: it vouches for the other
        path.write_text(text + "\n", encoding="utf-8", newline="\n")


def load_result(folder: Path) -> VideoResult:
    """Read what :func:`save_result` wrote.

    Raises:
        DatasetError: if a file is missing or damaged, or was written in another version of the format.
    """
    path = folder / RESULT
    document = _read_json(path)
    found = (document.get("format"), document.get("version"))
    if found != (FORMAT, VERSION):
        raise DatasetError(
            f"{path} is in format {found[0]!r} version {found[1]!r}, but this wildact reads {FORMAT!r} "
            f"version {VERSION}; analyse the video again."
        )
    table = _read_detections(folder / "detections.parquet", document.get("detections_sha256"))
    try:
        return _from_json(document, table)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DatasetError(f"{path} is damaged ({reason}); analyse the video again.") from error


def detections_table(result: VideoResult) -> pa.Table:
    """All boxes and masks of a result as a table of ``DETECTION_SCHEMA``, by track, then by frame.

    Raises:
        ValueError: if a track reaches beyond the video's last frame.
    """
    times = result.times_s
    return pa.concat_tables(
        [DETECTION_SCHEMA.empty_table(), *(_track_table(track, times) for track in result.tracks)]
    ).combine_chunks()


def _track_table(track: Track, times_s: np.ndarray[Any, np.dtype[np.float64]]) -> pa.Table:
    if track.frames[0] < 0 or track.frames[-1] >= len(times_s):
        raise ValueError(f"track {track.track_id} reaches beyond the video's {len(times_s)} frames")
    n = len(track)
    masks = track.masks
    columns = {
        "frame": track.frames,
        "time_s": times_s[track.frames],
        "track_id": np.full(n, track.track_id, np.int64),
        "label": [track.label] * n,
        "score": pa.array(track.scores, pa.float32(), from_pandas=True),  # nan becomes null
        **{name: np.ascontiguousarray(track.boxes[:, k]) for k, name in enumerate(("x1", "y1", "x2", "y2"))},
        "interpolated": ~track.observed,
        "mask_height": [None if m is None else m.height for m in masks],
        "mask_width": [None if m is None else m.width for m in masks],
        "mask_counts": [None if m is None else m.counts.decode("ascii") for m in masks],
    }
    return pa.table(columns, schema=DETECTION_SCHEMA)


def _parquet_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); analyse the video again.") from error
    except ValueError as error:  # bad UTF-8 or bad JSON
        raise DatasetError(f"{path} is damaged ({error}); analyse the video again.") from error
    if not isinstance(document, dict):
        raise DatasetError(f"{path} is damaged (not a JSON object); analyse the video again.")
    return document


def _read_detections(path: Path, sha256: object) -> pa.Table:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); analyse the video again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DatasetError(
            f"{path} is damaged or of another run (result.json names another SHA-256): analyse it again."
        )
    # without threads: where a program ends soon after, those of Arrow now and then abort it
    return pq.read_table(io.BytesIO(content), use_threads=False, pre_buffer=False)


def _to_json(result: VideoResult) -> dict[str, Any]:
    info = result.info
    return {
        "format": FORMAT,
        "version": VERSION,
        "info": {
            "path": str(info.path),
            "width": info.width,
            "height": info.height,
            "fps": str(info.fps),
            "frames": info.frames,
            "duration": None if info.duration is None else str(info.duration),
            "codec": info.codec,
            "rotation": info.rotation,
        },
        "status": result.status,
        "light": result.light,
        "warnings": list(result.warnings),
        "tracks": [
            {
                "track_id": t.track_id,
                "label": t.label,
                "label_score": _number(t.label_score),
                "rank": t.rank,
                "scientific_name": t.scientific_name,
                "frames": len(t),
            }
            for t in result.tracks
        ],
        "bouts": [
            {
                "track_id": b.track_id,
                "action": b.action,
                "start_s": b.start_s,
                "end_s": b.end_s,
                "score": _number(b.score),
            }
            for b in result.bouts
        ],
        "actions": [_scores_to_json(scores) for scores in result.actions],
        "models": {name: dict(facts) for name, facts in result.models.items()},
        "timings_s": dict(result.timings_s),
        "time_base": str(result.time_base),
        "pts": _steps(result.pts),
        "detected": _steps(result.detected),
    }


def _from_json(document: Mapping[str, Any], table: pa.Table) -> VideoResult:
    info = document["info"]
    duration = info["duration"]
    return VideoResult(
        info=VideoInfo(
            path=Path(info["path"]),
            width=info["width"],
            height=info["height"],
            fps=Fraction(info["fps"]),
            frames=info["frames"],
            duration=None if duration is None else Fraction(duration),
            codec=info["codec"],
            rotation=info["rotation"],
        ),
        light=document["light"],
        pts=_from_steps(document["pts"]),
        time_base=Fraction(document["time_base"]),
        tracks=_tracks(document["tracks"], table),
        actions=tuple(_scores_from_json(entry) for entry in document["actions"]),
        bouts=tuple(Bout(**(entry | {"score": _score(entry["score"])})) for entry in document["bouts"]),
        warnings=tuple(document["warnings"]),
        detected=_from_steps(document["detected"]),
        timings_s=dict(document["timings_s"]),
        models=dict(document["models"]),
    )


def _tracks(entries: list[dict[str, Any]], table: pa.Table) -> tuple[Track, ...]:
    """Cut the table back into tracks: it holds them one after the other, in the order of ``entries``."""
    if sum(entry["frames"] for entry in entries) != table.num_rows:
        raise ValueError(f"its tracks do not add up to the {table.num_rows} rows of detections.parquet")
    tracks, start = [], 0
    for entry in entries:
        rows = table.slice(start, entry["frames"])
        start += entry["frames"]
        boxes = [rows.column(name).to_numpy() for name in ("x1", "y1", "x2", "y2")]
        tracks.append(
            Track(
                track_id=entry["track_id"],
                label=entry["label"],
                label_score=_score(entry["label_score"]),
                frames=rows.column("frame").to_numpy().copy(),
                boxes=np.stack(boxes, axis=1),
                scores=rows.column("score").to_numpy().astype(np.float32),  # null becomes nan
                masks=_masks(rows),
                rank=entry["rank"],
                scientific_name=entry["scientific_name"],
            )
        )
    return tuple(tracks)


def _masks(rows: pa.Table) -> tuple[Rle | None, ...]:
    columns = (rows.column(name).to_pylist() for name in ("mask_height", "mask_width", "mask_counts"))
    return tuple(
        None if counts is None else Rle(height=height, width=width, counts=counts.encode("ascii"))
        for height, width, counts in zip(*columns, strict=True)
    )


def _scores_to_json(actions: ActionScores) -> dict[str, Any]:
    return {
        "track_id": actions.track_id,
        "classes": list(actions.classes),
        "start_s": actions.start_s.tolist(),
        "end_s": actions.end_s.tolist(),
        "scores": [[_number(score) for score in row] for row in actions.scores.tolist()],
    }


def _scores_from_json(entry: Mapping[str, Any]) -> ActionScores:
    rows = [[_score(score) for score in row] for row in entry["scores"]]
    scores: Float32 = np.array(rows, np.float32).reshape(len(rows), len(entry["classes"]))
    return ActionScores(
        track_id=entry["track_id"],
        classes=tuple(entry["classes"]),
        start_s=np.array(entry["start_s"], np.float64),
        end_s=np.array(entry["end_s"], np.float64),
        scores=scores,
    )


def _number(value: float) -> float | None:
    """JSON has no nan: a missing score is null."""
    return None if math.isnan(value) else float(value)


def _score(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _steps(values: Int64) -> dict[str, Any]:
    """Integers as the first one and runs of [step, how often]."""
    if len(values) == 0:
        return {"first": None, "steps": []}
    steps = np.diff(values)
    starts = np.flatnonzero(np.diff(steps, prepend=steps[:1] - 1)) if len(steps) else steps
    lengths = np.diff(starts, append=len(steps))
    return {"first": int(values[0]), "steps": np.stack([steps[starts], lengths], axis=1).tolist()}


def _from_steps(entry: Mapping[str, Any]) -> Int64:
    if entry["first"] is None:
        return np.zeros(0, np.int64)
    runs = np.array(entry["steps"], np.int64).reshape(-1, 2)
    return np.cumsum(np.concatenate([[entry["first"]], np.repeat(runs[:, 0], runs[:, 1])])).astype(np.int64)
