r"""The combined tables of a run: ``videos.csv``, ``tracks.csv``, ``bouts.csv`` and ``detections.parquet``.

CSV files are UTF-8 with ``\n`` ends of line and always a header; times are seconds with 3 decimals, scores
have 3 decimals, a missing value is an empty cell. Times of tracks and bouts are half-open: a track ends when
its last frame stops being shown.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, and file names come from
strangers. So a video name that begins like that is written as ``./=name`` (the same file, and the same in all
four tables, so that they still join on ``video``), and any other such text gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wildact.atomic import replacing
from wildact.export.result import DETECTION_SCHEMA, detections_table
from wildact.movement import Movement, find_movement, moving_seconds
from wildact.types import UNKNOWN, Bout, Track, VideoResult

VIDEO_COLUMNS: Final = (
    "video", "status", "error", "warnings", "frames", "fps", "duration_s", "width", "height", "light",
    "tracks", "folder",
)  # fmt: skip
TRACK_COLUMNS: Final = (
    "video", "track_id", "species", "species_score", "rank", "scientific_name", "start_s", "end_s",
    "duration_s", "first_frame", "last_frame", "detections", "interpolated", "mean_score", "main_action",
    "main_action_s", "moving_s", "still_s",
)  # fmt: skip
BOUT_COLUMNS: Final = ("video", "track_id", "species", "action", "start_s", "end_s", "score", "movement")
DETECTIONS_SCHEMA: Final = DETECTION_SCHEMA.insert(0, pa.field("video", pa.string(), nullable=False))

_ROW_GROUP: Final = 50_000  # rows gathered before writing: one short video each would make a slow file
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VideoOutcome:
    """What became of one input video.

    Attributes:
        video: its name in the tables, e.g. the path relative to the input folder.
        path: the file.
        result: what was found; None where it failed.
        error: why it failed, one sentence; None where it did not.
        folder: where its pictures and saved result lie, or None.
    """

    video: str
    path: Path
    result: VideoResult | None
    error: str | None
    folder: Path | None

    def __post_init__(self) -> None:
        if (self.result is None) == (self.error is None):
            raise ValueError("an outcome needs either a result or an error")

    @property
    def status(self) -> str:
        """``ok``, ``blank`` (no animal) or ``failed``."""
        return "failed" if self.result is None else self.result.status


def save_tables(out: Path, outcomes: Iterable[VideoOutcome]) -> None:
    """Write the three CSV files and ``detections.parquet`` into the folder ``out``.

    The outcomes are read once, and one at a time is held. The files replace older ones only after the last
    outcome has been written, ``videos.csv`` first: an exception on the way leaves the older ones as they
    were, also where a spreadsheet holds that one open.

    Raises:
        OutputError: if the files cannot be written.
    """
    with ExitStack() as stack:
        paths = {
            name: stack.enter_context(replacing(out / name))
            for name in ("detections.parquet", "bouts.csv", "tracks.csv", "videos.csv")  # last in, first out
        }
        writers = [
            _csv_writer(stack, paths[name], columns)
            for name, columns in (
                ("videos.csv", VIDEO_COLUMNS),
                ("tracks.csv", TRACK_COLUMNS),
                ("bouts.csv", BOUT_COLUMNS),
            )
        ]
        parquet = stack.enter_context(
            pq.ParquetWriter(paths["detections.parquet"], DETECTIONS_SCHEMA, compression="zstd")
        )
        waiting: list[pa.Table] = []
        for outcome in outcomes:
            for writer, rows in zip(writers, _all_rows(outcome, out), strict=True):
                writer.writerows(_csv_row(row) for row in rows)
            if outcome.result is not None and outcome.result.tracks:
                waiting.append(_combined_detections(outcome.video, outcome.result))
            if sum(table.num_rows for table in waiting) >= _ROW_GROUP:
                parquet.write_table(pa.concat_tables(waiting))
                waiting.clear()
        if waiting:
            parquet.write_table(pa.concat_tables(waiting))


def video_row(outcome: VideoOutcome, out: Path) -> Row:
    """The video's row of ``out/videos.csv``: ``VIDEO_COLUMNS`` to values, None where unknown."""
    row: Row = dict.fromkeys(VIDEO_COLUMNS)
    row |= {"video": outcome.video, "status": outcome.status, "error": outcome.error}
    if outcome.result is None:
        return row
    result, info = outcome.result, outcome.result.info
    return row | {
        "warnings": "; ".join(result.warnings) or None,
        "frames": info.frames,
        "fps": round(float(info.fps), 3),
        "duration_s": None if info.duration is None else round(float(info.duration), 3),
        "width": info.width,
        "height": info.height,
        "light": result.light,
        "tracks": len(result.tracks),
        "folder": None if outcome.folder is None else path_within(outcome.folder, out),
    }


def track_rows(video: str, result: VideoResult) -> list[Row]:
    """The video's rows of ``tracks.csv``: ``TRACK_COLUMNS`` to values, one row for each animal."""
    return [_track_row(video, result, track) for track in result.tracks]


def bout_rows(video: str, result: VideoResult) -> list[Row]:
    """The video's rows of ``bouts.csv``: ``BOUT_COLUMNS`` to values, one row for each bout."""
    species = {track.track_id: track.label for track in result.tracks}
    movements = {track.track_id: _movement(result, track) for track in result.tracks}
    return [
        {
            "video": video,
            "track_id": bout.track_id,
            "species": species.get(bout.track_id),
            "action": bout.action,
            "start_s": round(bout.start_s, 3),
            "end_s": round(bout.end_s, 3),
            "score": _rounded(bout.score),
            "movement": _name_movement(movements.get(bout.track_id, ()), bout),
        }
        for bout in result.bouts
    ]


def _movement(result: VideoResult, track: Track) -> tuple[Movement, ...]:
    frame = np.array([0, 0, result.info.width, result.info.height], np.float32)
    if np.array_equal(track.boxes, np.broadcast_to(frame, track.boxes.shape)):
        return ()  # a box that is the whole picture does not say whether the animal in it moves
    _, end_s = track.span_s(result.times_s, result.info.duration)
    return find_movement(track, result.times_s, end_s)


def _name_movement(movements: Sequence[Movement], bout: Bout) -> str | None:
    """What an animal did for the longer part of a bout; None where nothing is known."""
    moving_s, still_s = moving_seconds(movements, bout.start_s, bout.end_s)
    if moving_s + still_s <= 0:
        return None
    return "moving" if moving_s > still_s else "still"


def seconds_by_action(bouts: Iterable[Bout]) -> dict[str, float]:
    """Action to seconds spent on it, the longest first; unknown ones come last."""
    seconds: dict[str, float] = {}
    for bout in bouts:
        seconds[bout.action] = seconds.get(bout.action, 0.0) + bout.duration_s
    return dict(sorted(seconds.items(), key=lambda item: (item[0] == UNKNOWN, -item[1], item[0])))


def _track_row(video: str, result: VideoResult, track: Track) -> Row:
    start, end = track.span_s(result.times_s, result.info.duration)
    observed = track.observed
    actions = seconds_by_action(bout for bout in result.bouts if bout.track_id == track.track_id)
    main = next(iter(actions), None)
    moving_s, still_s = moving_seconds(_movement(result, track), start, end)
    return {
        "video": video,
        "track_id": track.track_id,
        "species": track.label,
        "species_score": _rounded(track.label_score),
        "rank": track.rank or None,
        "scientific_name": track.scientific_name or None,
        "start_s": round(start, 3),
        "end_s": round(end, 3),
        "duration_s": round(end - start, 3),
        "first_frame": int(track.frames[0]),
        "last_frame": int(track.frames[-1]),
        "detections": int(observed.sum()),
        "interpolated": int((~observed).sum()),
        "mean_score": _rounded(float(np.mean(track.scores[observed]))) if observed.any() else None,
        "main_action": main,
        "main_action_s": None if main is None else round(actions[main], 3),
        "moving_s": round(moving_s, 3) if moving_s + still_s > 0 else None,  # None: nothing is known
        "still_s": round(still_s, 3) if moving_s + still_s > 0 else None,
    }


def _all_rows(outcome: VideoOutcome, out: Path) -> Iterator[list[Row]]:
    """Rows for videos.csv, tracks.csv and bouts.csv."""
    yield [video_row(outcome, out)]
    if outcome.result is None:
        yield from ([], [])
    else:
        yield track_rows(outcome.video, outcome.result)
        yield bout_rows(outcome.video, outcome.result)


def _combined_detections(video: str, result: VideoResult) -> pa.Table:
    table = detections_table(result)
    names = pa.array([video_name(video)] * table.num_rows, pa.string())
    return table.add_column(0, DETECTIONS_SCHEMA.field("video"), names)


def _csv_writer(stack: ExitStack, path: Path, columns: tuple[str, ...]) -> csv.DictWriter[str]:
    file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    return writer


def _csv_row(row: Mapping[str, Any]) -> Row:
    return {
        column: video_name(value) if column == "video" else safe_text(value) for column, value in row.items()
    }


def path_within(folder: Path, out: Path) -> str:
    """The way from ``out`` to a folder in it, ``/`` between its parts; else the whole path."""
    return folder.relative_to(out).as_posix() if folder.is_relative_to(out) else str(folder)


def video_name(video: str) -> str:
    """The name as it stands in every table."""
    valid = to_valid_text(video)
    return f"./{valid}" if valid.startswith(_FORMULA_STARTS) else valid


def original_name(name: str) -> str:
    """The video's name, from how `video_name` writes it: no name of a video begins with ``./`` by itself."""
    return name.removeprefix("./")


def safe_text(value: object) -> object:
    """A cell's value, so that no spreadsheet runs text as a formula."""
    if not isinstance(value, str):
        return value
    valid = to_valid_text(value)
    return f"'{valid}" if valid.startswith(_FORMULA_STARTS) else valid


def to_valid_text(text: str) -> str:
    """Text that can be printed, and saved in one cell of a table.

    Bytes of a file name that are no UTF-8 become their numbers, and breaks of a line what Python calls them.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _rounded(score: float) -> float | None:
    return None if math.isnan(score) else round(float(score), 3)
