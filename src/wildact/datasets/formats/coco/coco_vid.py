"""CocoVID: COCO with videos, numbered frames and the identity of animals, as MMTracking reads it.

Two keys are added to the standard's: ``frame_rate`` of a video (exact, as text, beside the float ``fps``) and
``track_id`` of an annotation (the animal's number within its video, beside the unique ``instance_id``).

Reference: MMTracking documentation, "Customize datasets: the CocoVID annotation file".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wildact.datasets.dataset import Dataset, relative_name
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_unique, video_path
from wildact.datasets.formats.coco import entries
from wildact.datasets.formats.documents import Count, Id, Part, load_document, save_document
from wildact.datasets.formats.facts import read_rate
from wildact.datasets.formats.rows import TrackRows
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.export.youtube_vis import list_categories
from wildact.labels import LabelledVideo


class Video(Part):
    """An entry of ``videos``."""

    id: Id
    name: str
    width: Count = 0
    height: Count = 0
    fps: float | None = None
    frame_rate: str | None = None


class Picture(entries.Picture):
    """An entry of ``images``."""

    video_id: Id
    frame_id: Count


class Annotation(entries.Annotation):
    """An entry of ``annotations``."""

    instance_id: Count
    track_id: Count | None = None
    occluded: bool | None = None


class Document(Part):
    """A CocoVID file."""

    videos: list[Video]
    images: list[Picture]
    annotations: list[Annotation]
    categories: list[entries.Category]
    info: Any = None


@dataclass(slots=True)
class _Frames:
    """The pictures of a video, and the tracks on them by instance."""

    pictures: list[Picture] = field(default_factory=list)
    rows: dict[int, TrackRows] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


def read_coco_vid(path: Path) -> Dataset:
    """Read a CocoVID file.

    Raises:
        DatasetError: naming the entry that is wrong.
    """
    document = load_document(path, Document)
    species = entries.read_categories(path, document.categories)
    check_unique(f"{path}: videos", "id", (video.id for video in document.videos))
    check_unique(f"{path}: images", "id", (picture.id for picture in document.images))
    check_unique(f"{path}: annotations", "id", (entry.id for entry in document.annotations))
    frames: dict[Id, _Frames] = {video.id: _Frames() for video in document.videos}
    for picture in document.images:
        if picture.video_id not in frames:
            raise DatasetError(f"{path}: image {picture.id}: there is no video {picture.video_id}.")
        frames[picture.video_id].pictures.append(picture)
    pictures = {picture.id: picture for picture in document.images}
    whole = {video.id: (video.width, video.height) for video in document.videos}
    dropped: Counter[Thing] = Counter()
    for entry in document.annotations:
        where = f"{path}: annotation {entry.id}"
        if entry.image_id not in pictures:
            raise DatasetError(f"{where}: it is of image {entry.image_id}, which 'images' does not list.")
        picture = pictures[entry.image_id]
        size = (picture.width, picture.height) if picture.width else whole[picture.video_id]
        _add(where, frames[picture.video_id], picture.frame_id, size, entry, species, dropped)
    videos = [_video(path, video, frames[video.id]) for video in document.videos]
    return build_dataset(
        f"{path}: videos",
        path.parent,
        videos,
        species=species.values(),
        facts=entries.read_facts(path, document.info),
        dropped=dropped,
    )


def _add(
    where: str,
    video: _Frames,
    frame: int,
    size: tuple[int, int],
    entry: Annotation,
    species: dict[int, str],
    dropped: Counter[Thing],
) -> None:
    """Add an annotation to its animal's rows."""
    dropped[entries.KEYPOINTS] += bool(entry.keypoints)
    new = entries.start_track(where, entry.category_id, entry.iscrowd, species)
    rows = video.rows.get(entry.instance_id, new)
    if (rows.label, rows.crowd) != (new.label, new.crowd):
        raise DatasetError(
            f"{where}: instance {entry.instance_id} has another category or iscrowd elsewhere."
        )
    number = entry.instance_id if entry.track_id is None else entry.track_id
    if video.numbers.setdefault(entry.instance_id, number) != number:
        raise DatasetError(f"{where}: instance {entry.instance_id} has another track_id elsewhere.")
    if entries.add_shape(where, rows, frame, entry.bbox, entry.segmentation, size, dropped):
        video.rows[entry.instance_id] = rows
        if entry.occluded:
            rows.occluded.add(frame)


def _video(path: Path, entry: Video, frames: _Frames) -> LabelledVideo:
    where = f"{path}: video {entry.id}"
    check_unique(where, "frame_id", (picture.frame_id for picture in frames.pictures))
    sizes = {(picture.width, picture.height) for picture in frames.pictures if picture.width}
    sizes |= {(entry.width, entry.height)} if entry.width else set()
    if len(sizes) > 1:
        raise DatasetError(f"{where}: its frames are of different sizes.")
    size = next(iter(sizes), (0, 0))
    length = max((picture.frame_id + 1 for picture in frames.pictures), default=None)
    fps = read_rate(where, entry.frame_rate if entry.frame_rate is not None else entry.fps)
    try:
        tracks = [rows.build(frames.numbers[instance]) for instance, rows in frames.rows.items()]
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    place = video_path(where, path.parent, entry.name)
    return build_video(where, place, size=size, fps=fps, frames=length, tracks=tracks)


def write_coco_vid(dataset: Dataset, path: Path) -> None:
    """Write a CocoVID file.

    Raises:
        OutputError: if it cannot be written, or a video's length is unknown.
    """
    firsts = entries.first_image_ids(dataset)
    document = {
        "info": dict(dataset.facts),
        "videos": [_video_entry(dataset, k, video) for k, video in enumerate(dataset.videos, start=1)],
        "images": _images(dataset, firsts),
        "annotations": _annotations(dataset, firsts),
        "categories": list_categories(dataset.species, dataset.supercategories),
    }
    save_document(path, document)


def _video_entry(dataset: Dataset, number: int, video: LabelledVideo) -> dict[str, Any]:
    info = video.info
    entry: dict[str, Any] = {"id": number, "name": relative_name(dataset, video)}
    if info.width:
        entry |= {"width": info.width, "height": info.height}
    if info.fps:
        entry |= {"fps": float(info.fps), "frame_rate": str(info.fps)}
    return entry


def _images(dataset: Dataset, firsts: list[int]) -> Iterator[dict[str, Any]]:
    for number, (video, first) in enumerate(zip(dataset.videos, firsts, strict=True), start=1):
        for frame, image in enumerate(entries.list_images(dataset, video, first)):
            yield image | {"video_id": number, "frame_id": frame}


def _annotations(dataset: Dataset, firsts: list[int]) -> Iterator[dict[str, Any]]:
    instances: dict[tuple[int, int], int] = {}
    boxes = entries.list_annotations(dataset, firsts)
    for annotation_id, (number, (track, place), entry) in enumerate(boxes, start=1):
        instance = instances.setdefault((number, track.track_id), len(instances) + 1)
        keys = {"video_id": number + 1, "instance_id": instance, "track_id": track.track_id}
        if track.occluded is not None:
            keys["occluded"] = int(track.occluded[place])
        yield {"id": annotation_id, **entry, **keys}
