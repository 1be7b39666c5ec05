"""MOTChallenge: a line for each box.

``gt.txt`` as of MOT16 and later: frame, id, left, top, width, height, 1 (0: to be ignored), class,
visibility. Frames and pixels are counted from 1. Older files, and results, have ten columns and no class.
See :mod:`wildact.datasets.formats.mot.sequence` for the folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.checks import check_video
from wildact.datasets.formats.mot.sequence import Sequence, iterate_lines, read_sequences, write_sequences
from wildact.datasets.formats.rows import TrackRows
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo

UNNAMED = "animal"
"""The species of boxes without a class."""

_IGNORED = "box to be ignored", "boxes to be ignored"
_BEYOND = "part of a box beyond the frame", "parts of boxes beyond the frame"
_CLASS_COLUMN = 7


@dataclass(frozen=True, slots=True)
class Row:
    """A line of ``gt.txt``: frame from 0, xyxy box in pixels from 0, species; score as it stands there."""

    frame: int
    track_id: int
    box: tuple[float, float, float, float]
    score: float
    species: str


def read_mot(path: Path) -> Dataset:
    """Read a sequence, or a folder of sequences. Of boxes that stick out of the frame the part within stays.

    Raises:
        DatasetError: naming file and line.
    """
    return read_sequences(path, _read_video)


def _read_video(sequence: Sequence, species: dict[str, None], dropped: Counter[Thing]) -> LabelledVideo:
    tracks: dict[int, TrackRows] = {}
    for where, line in iterate_lines(sequence.truth):
        row = _parse(where, line, sequence)
        if row.score == 0:
            dropped[_IGNORED] += 1
            continue
        species.setdefault(row.species)
        rows = tracks.setdefault(row.track_id, TrackRows(row.species))
        if rows.label != row.species:
            raise DatasetError(f"{where}: track {row.track_id} was a {rows.label} before.")
        try:
            rows.add(row.frame, _within(row.box, sequence, dropped))
        except ValueError as error:
            raise DatasetError(f"{where}: {error}, or lies outside the frame.") from error
        if row.score not in (1, -1):
            rows.scores[row.frame] = row.score
    try:
        built = tuple(tracks[track_id].build(track_id) for track_id in sorted(tracks))
    except ValueError as error:
        raise DatasetError(f"{sequence.truth}: {error} of the same track.") from error
    return check_video(str(sequence.truth), LabelledVideo(sequence.info, "", "", None, built, ()))


def _parse(where: str, line: str, sequence: Sequence) -> Row:
    cells = line.split(",")
    if not 7 <= len(cells) <= 10:
        raise DatasetError(f"{where}: a line has 7 to 10 values with commas between them, not {len(cells)}.")
    try:
        frame, track_id = int(cells[0]), int(cells[1])
        left, top, width, height, score = map(float, cells[2:7])
        number = int(cells[_CLASS_COLUMN]) if len(cells) in (8, 9) else None
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    if not (0 <= score <= 1 or score == -1):
        raise DatasetError(f"{where}: a score lies between 0 and 1, or is -1; {score:g} does not.")
    if frame < 1 or track_id < 0:
        raise DatasetError(f"{where}: frames count from 1 and ids from 0, unlike {frame} and {track_id}.")
    if number is not None and sequence.classes and number not in sequence.classes and score != 0:
        raise DatasetError(f"{where}: class {number} is not among the {len(sequence.classes)} of labels.txt.")
    name = UNNAMED if number is None else sequence.classes.get(number, f"class {number}")
    box = (left - 1, top - 1, left - 1 + width, top - 1 + height)
    return Row(frame - 1, track_id, box, score, name)


def _within(
    box: tuple[float, float, float, float], sequence: Sequence, dropped: Counter[Thing]
) -> tuple[float, float, float, float]:
    """The part of a box within the frame: MOTChallenge draws whole people, also where half is outside."""
    width, height = sequence.info.width, sequence.info.height
    if not width:
        return box
    x1, y1, x2, y2 = box
    inner = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    dropped[_BEYOND] += max(abs(a - b) for a, b in zip(box, inner, strict=True)) > 0.5
    return inner


def write_mot(dataset: Dataset, path: Path) -> None:
    """Write a folder of sequences.

    Raises:
        OutputError: if it cannot be written, or a video's length is unknown.
    """
    classes = {name: number for number, name in enumerate(dataset.species, start=1)}
    write_sequences(dataset, path, lambda video: _list_rows(video, classes))


def _list_rows(video: LabelledVideo, classes: dict[str, int]) -> Iterator[str]:
    boxes = sorted(
        (frame, track.track_id, classes[track.label], box)
        for track in video.tracks
        for frame, box in zip(track.frames.tolist(), track.boxes.tolist(), strict=True)
    )
    for frame, track_id, number, (x1, y1, x2, y2) in boxes:
        yield f"{frame + 1},{track_id},{x1 + 1:.17g},{y1 + 1:.17g},{x2 - x1:.17g},{y2 - y1:.17g},1,{number},1"
