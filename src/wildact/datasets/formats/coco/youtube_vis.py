"""YouTube-VIS: one annotation for each track, with lists of boxes and masks over all frames of the video.

wildact's own format is this one with more facts (docs/data-format.md); here is what is standard of it. The
frames are named ``VIDEO/000000.jpg``, and ``track_id`` (the animal's number within its video) is added.

Reference: Yang et al. 2019, "Video Instance Segmentation", https://youtube-vos.org/dataset/vis/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from wildact.datasets.dataset import Dataset, known_length, relative_name
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_unique, video_path
from wildact.datasets.formats.coco import entries
from wildact.datasets.formats.documents import XYWH, Count, Id, Part, load_document, save_document
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.export.youtube_vis import iterate_annotations, list_categories
from wildact.labels import LabelledVideo
from wildact.types import Track

_UNSEEN = "annotation that is visible on no frame", "annotations that are visible on no frame"


class Video(Part):
    """An entry of ``videos``."""

    id: Id
    width: Count
    height: Count
    length: Count
    file_names: tuple[str, ...] = ()
    file_name: str | None = None


class Annotation(Part):
    """An entry of ``annotations``: a track."""

    id: Id
    video_id: Id
    category_id: int
    track_id: Count | None = None
    bboxes: list[XYWH | None] | None = None
    segmentations: list[Any]
    iscrowd: bool = False


class Document(Part):
    """A YouTube-VIS file."""

    videos: list[Video]
    annotations: list[Annotation]
    categories: list[entries.Category]
    info: Any = None


def read_youtube_vis(path: Path) -> Dataset:
    """Read a YouTube-VIS file.

    Raises:
        DatasetError: naming the entry that is wrong.
    """
    document = load_document(path, Document)
    species = entries.read_categories(path, document.categories)
    check_unique(f"{path}: videos", "id", (video.id for video in document.videos))
    check_unique(f"{path}: annotations", "id", (entry.id for entry in document.annotations))
    videos = {video.id: video for video in document.videos}
    tracks: dict[Id, list[Track]] = {number: [] for number in videos}
    dropped: Counter[Thing] = Counter()
    for entry in document.annotations:
        where = f"{path}: annotation {entry.id}"
        if entry.video_id not in videos:
            raise DatasetError(f"{where}: it is of video {entry.video_id}, which 'videos' does not list.")
        of_video = tracks[entry.video_id]
        track = _track(where, entry, videos[entry.video_id], species, len(of_video) + 1, dropped)
        if track is not None:
            of_video.append(track)
    labelled = [_video(path, video, tracks[number]) for number, video in videos.items()]
    return build_dataset(
        f"{path}: videos",
        path.parent,
        labelled,
        species=species.values(),
        facts=entries.read_facts(path, document.info),
        dropped=dropped,
    )


def _track(
    where: str,
    entry: Annotation,
    video: Video,
    species: dict[int, str],
    number: int,
    dropped: Counter[Thing],
) -> Track | None:
    """The track; None where it is seen on no frame."""
    boxes = entry.bboxes if entry.bboxes is not None else [None] * len(entry.segmentations)
    if len(boxes) != len(entry.segmentations) or len(boxes) > video.length:
        raise DatasetError(
            f"{where}: {len(boxes)} boxes and {len(entry.segmentations)} segmentations, but the video has "
            f"{video.length} frames."
        )
    rows = entries.start_track(where, entry.category_id, entry.iscrowd, species)
    for frame, (box, segmentation) in enumerate(zip(boxes, entry.segmentations, strict=True)):
        if box is not None or segmentation:
            size = (video.width, video.height)
            entries.add_shape(f"{where}: frame {frame}", rows, frame, box, segmentation, size, dropped)
    if not rows.frames:
        dropped[_UNSEEN] += 1
        return None
    return rows.build(number if entry.track_id is None else entry.track_id)


def _video(path: Path, entry: Video, tracks: list[Track]) -> LabelledVideo:
    where = f"{path}: video {entry.id}"
    place = video_path(where, path.parent, _name(entry))
    return build_video(where, place, size=(entry.width, entry.height), frames=entry.length, tracks=tracks)


def _name(entry: Video) -> str:
    """The folder in which all frames lie; where there is none, a name made of the id."""
    if entry.file_name is not None:
        return entry.file_name
    folders = {PurePosixPath(name).parent.as_posix() for name in entry.file_names}
    return folders.pop() if len(folders) == 1 and folders != {"."} else f"video-{entry.id}"


def write_youtube_vis(dataset: Dataset, path: Path) -> None:
    """Write a YouTube-VIS file.

    Raises:
        OutputError: if it cannot be written, or a video's length is unknown.
    """
    document = {
        "info": dict(dataset.facts),
        "videos": [_video_entry(dataset, k, video) for k, video in enumerate(dataset.videos, start=1)],
        "annotations": _annotations(dataset),
        "categories": list_categories(dataset.species, dataset.supercategories),
    }
    save_document(path, document)


def _video_entry(dataset: Dataset, number: int, video: LabelledVideo) -> dict[str, Any]:
    name, length = relative_name(dataset, video), known_length(video)
    return {
        "id": number,
        "width": video.info.width,
        "height": video.info.height,
        "length": length,
        "file_names": [entries.frame_name(name, frame) for frame in range(length)],
    }


def _annotations(dataset: Dataset) -> Iterator[dict[str, Any]]:
    for entry in iterate_annotations(dataset.videos, dataset.species):
        entry.pop("occluded", None)  # not of the standard
        yield entry
