"""MOTS: a line for each mask: frame, id, class, height, width, run lengths.

Frames are counted from 1, as MOTSChallenge does; the id is 1000 times the class plus the animal's number.
See :mod:`wildact.datasets.formats.mot.sequence` for the folder.

Reference: Voigtlaender et al. 2019, "MOTS: Multi-Object Tracking and Segmentation".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.checks import check_video
from wildact.datasets.formats.mot.sequence import Sequence, iterate_lines, read_sequences, write_sequences
from wildact.datasets.formats.rows import TrackRows
from wildact.datasets.words import Thing
from wildact.errors import DatasetError, OutputError
from wildact.labels import LabelledVideo
from wildact.masks import from_coco, mask_area, mask_to_box
from wildact.types import Rle

CLASSES = {1: "car", 2: "pedestrian"}
"""The classes of the benchmark, where no ``labels.txt`` names others."""

IGNORED = 10
PER_CLASS = 1000
"""Ids of one class: 1000 times its number, and up to 999 more."""


def read_mots(path: Path) -> Dataset:
    """Read a sequence, or a folder of sequences.

    Raises:
        DatasetError: naming file and line.
    """
    return read_sequences(path, _read_video)


def _read_video(sequence: Sequence, species: dict[str, None], dropped: Counter[Thing]) -> LabelledVideo:
    tracks, (width, height) = _read_masks(sequence, dropped)
    species |= dict.fromkeys(rows.label for rows in tracks.values())
    try:
        ids = _shorten(list(tracks))
        built = [rows.build(track_id) for track_id, rows in zip(ids, tracks.values(), strict=True)]
    except ValueError as error:
        raise DatasetError(f"{sequence.truth}: {error} of the same track.") from error
    info = replace(sequence.info, width=width, height=height)
    ordered = tuple(sorted(built, key=lambda track: track.track_id))
    return check_video(str(sequence.truth), LabelledVideo(info, "", "", None, ordered, ()))


def _read_masks(
    sequence: Sequence, dropped: Counter[Thing]
) -> tuple[dict[tuple[int, int], TrackRows], tuple[int, int]]:
    """Class and id -> the masks of an animal; and width and height of the frames."""
    classes = sequence.classes or CLASSES
    size = (sequence.info.width, sequence.info.height)
    tracks: dict[tuple[int, int], TrackRows] = {}
    for where, line in iterate_lines(sequence.truth):
        frame, number, class_id, mask = _parse(where, line)
        if class_id == IGNORED and IGNORED not in sequence.classes:
            dropped["region to be ignored", "regions to be ignored"] += 1
            continue
        if class_id not in classes:
            raise DatasetError(f"{where}: class {class_id} is not among the {len(classes)} that are named.")
        size = (mask.width, mask.height) if size == (0, 0) else size
        if size != (mask.width, mask.height):
            raise DatasetError(f"{where}: a mask of {mask.width} x {mask.height} pixels, unlike the frames.")
        if mask_area(mask) == 0:
            dropped["empty mask", "empty masks"] += 1
            continue
        x1, y1, x2, y2 = mask_to_box(mask).tolist()
        try:
            rows = tracks.setdefault((class_id, number), TrackRows(classes[class_id]))
            rows.add(frame, (x1, y1, x2, y2), mask)
        except ValueError as error:
            raise DatasetError(f"{where}: {error}.") from error
    return tracks, size


def _parse(where: str, line: str) -> tuple[int, int, int, Rle]:
    """Frame from 0, id, class and mask."""
    cells = line.split()
    if len(cells) != 6:
        raise DatasetError(f"{where}: a line has 6 values with spaces between them, not {len(cells)}.")
    try:
        frame, number, class_id, height, width = map(int, cells[:5])
        mask = from_coco({"size": [height, width], "counts": cells[5]})
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    if frame < 1 or number < 0:
        raise DatasetError(
            f"{where}: frames count from 1 and ids from 0, unlike {frame} and {number}; "
            "KITTI MOTS counts frames from 0: add 1."
        )
    return frame - 1, number, class_id, mask


def _shorten(ids: list[tuple[int, int]]) -> list[int]:
    """The animals' numbers without 1000 times their class, where all have it and stay different."""
    short = [number - PER_CLASS * class_id for class_id, number in ids]
    if all(0 <= number < PER_CLASS for number in short) and len(set(short)) == len(short):
        return short
    full = [number for _, number in ids]
    if len(set(full)) < len(full):
        raise ValueError("an id has two classes; it must be that")
    return full


def write_mots(dataset: Dataset, path: Path) -> None:
    """Write a folder of sequences; boxes without a mask are left out.

    Raises:
        OutputError: if it cannot be written, a video's length is unknown, or an animal's number exceeds 999.
    """
    classes = {name: number for number, name in enumerate(dataset.species, start=1)}
    write_sequences(dataset, path, lambda video: _list_rows(video, classes))


def _list_rows(video: LabelledVideo, classes: dict[str, int]) -> Iterator[str]:
    rows = []
    for track in video.tracks:
        if not 0 <= track.track_id < PER_CLASS:
            raise OutputError(
                f"track {track.track_id} of {video.info.path}: MOTS numbers animals from 0 to "
                f"{PER_CLASS - 1}; give it another number."
            )
        number = classes[track.label]
        for frame, mask in zip(track.frames.tolist(), track.masks, strict=True):
            if mask is not None:
                shape = f"{mask.height} {mask.width} {mask.counts.decode('ascii')}"
                rows.append((frame + 1, PER_CLASS * number + track.track_id, number, shape))
    for frame, track_id, number, shape in sorted(rows):
        yield f"{frame} {track_id} {number} {shape}"
