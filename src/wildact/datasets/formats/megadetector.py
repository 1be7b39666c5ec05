"""MegaDetector's batch results, formats 1.3 to 1.6: detections without tracks, of videos and of pictures.

Boxes are shares of a frame whose size the format does not tell. Nobody knows which detections are the same
animal, so each is read as a track of one box; a picture is read as a video of one frame.

Reference: https://lila.science/megadetector-output-format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_name, video_path
from wildact.datasets.formats.documents import XYWH, Count, Part, load_document
from wildact.datasets.formats.facts import Facts, read_rate
from wildact.datasets.formats.rows import TrackRows
from wildact.datasets.results.labels import read_dataset_recordings
from wildact.datasets.words import Thing, quote
from wildact.errors import DatasetError
from wildact.export.megadetector import save_megadetector
from wildact.labels import LabelledVideo
from wildact.types import Track

_FAILED = "file that MegaDetector could not read", "files that MegaDetector could not read"
_GUESSES = "further guess of a species", "further guesses of species"


Score = Annotated[float, Field(ge=0, le=1)]


class Detection(Part):
    """An entry of ``detections``."""

    category: str
    conf: Score
    bbox: XYWH
    classifications: list[tuple[str, Score]] | None = None
    frame_number: Count = 0


class Entry(Part):
    """An entry of ``images``: a video, or a picture, which has no frame rate."""

    file: str
    detections: list[Detection] | None = None
    failure: str | None = None
    frame_rate: float | None = None


class Info(Part):
    """What made the file."""

    format_version: str
    detector: str = ""


class Document(Part):
    """A file of results."""

    info: Info
    detection_categories: dict[str, str]
    classification_categories: dict[str, str] = Field(default_factory=dict)
    images: list[Entry]


def read_megadetector(path: Path, facts: Facts) -> Dataset:
    """Read a MegaDetector JSON file. A detection is called by its likeliest species, else by its category.

    Args:
        path: of the file.
        facts: the size of the frames, or the videos.

    Raises:
        DatasetError: naming the entry that is wrong; or if the size of a video with detections is unknown.
    """
    document = load_document(path, Document)
    dropped: Counter[Thing] = Counter()
    videos = []
    for k, entry in enumerate(document.images):
        if entry.failure is not None:
            dropped[_FAILED] += 1
            continue
        for detection in entry.detections or ():
            dropped[_GUESSES] += max(0, len(detection.classifications or ()) - 1)
        videos.append(_video(f"{path}: images[{k}]", path.parent, entry, document, facts))
    return build_dataset(
        f"{path}: images",
        path.parent,
        videos,
        species=(track.label for video in videos for track in video.tracks),
        facts={"generator": document.info.detector} if document.info.detector else {},
        dropped=dropped,
    )


def write_megadetector(dataset: Dataset, path: Path) -> None:
    """Write a MegaDetector JSON file.

    Raises:
        OutputError: if it cannot be written, or a video's frame rate, length or size is unknown.
    """
    save_megadetector(path, read_dataset_recordings(dataset, pictures=True))


def _video(where: str, folder: Path, entry: Entry, document: Document, facts: Facts) -> LabelledVideo:
    name = entry.file.replace("\\", "/")
    place = video_path(where, folder, name)
    size = facts.find_size(where, name) if entry.detections else (0, 0)
    fps = read_rate(where, entry.frame_rate)
    tracks = (
        _track(f"{where}.detections[{k}]", k + 1, detection, document, size)
        for k, detection in enumerate(entry.detections or ())
    )
    frames = 1 if entry.frame_rate is None else None
    return build_video(where, place, size=size, fps=fps, frames=frames, tracks=tracks)


def _track(where: str, number: int, found: Detection, document: Document, size: tuple[int, int]) -> Track:
    label = _name(where, found.category, "detection_categories", document.detection_categories)
    score = 1.0
    if found.classifications:
        guess, score = max(found.classifications, key=lambda guess: guess[1])
        label = _name(where, guess, "classification_categories", document.classification_categories)
    (x, y, w, h), (width, height) = found.bbox, size
    rows = TrackRows(label)
    try:
        rows.add(found.frame_number, (x * width, y * height, (x + w) * width, (y + h) * height))
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    rows.scores[found.frame_number] = found.conf
    return replace(rows.build(number), label_score=score)


def _name(where: str, number: str, key: str, names: Mapping[str, str]) -> str:
    if number not in names:
        raise DatasetError(f"{where}: {quote(number)} is not among the {key}.")
    return check_name(where, "a species", names[number])
