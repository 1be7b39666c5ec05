"""What COCO and the formats that grew from it have in common: entries of their lists, read and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

from wildact.datasets.dataset import Dataset, check_facts, known_length, relative_name
from wildact.datasets.formats.checks import check_name, check_unique
from wildact.datasets.formats.documents import XYWH, Count, Id, Part
from wildact.datasets.formats.rows import TrackRows
from wildact.datasets.formats.segmentation import read_segmentation
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.export.youtube_vis import to_coco_json
from wildact.labels import LabelledVideo
from wildact.masks import mask_area, mask_to_box
from wildact.types import Rle, Track

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})


KEYPOINTS = "annotation with keypoints, which are left out", "annotations with keypoints, which are left out"
_BOXLESS = "annotation without a box", "annotations without a box"
_EMPTY = "annotation with an empty box", "annotations with an empty box"


class Category(Part):
    """A species."""

    id: int
    name: str


class Picture(Part):
    """An entry of ``images``."""

    id: Id
    file_name: str
    width: Count = 0
    height: Count = 0


class Annotation(Part):
    """An entry of ``annotations``."""

    id: Id
    image_id: Id
    category_id: int
    bbox: XYWH | None = None
    segmentation: Any = None
    iscrowd: bool = False
    keypoints: Any = None


def read_categories(path: Path, categories: Sequence[Category]) -> dict[int, str]:
    """Id -> name, in order of id.

    Raises:
        DatasetError: if an id or a name comes twice.
    """
    where = f"{path}: categories"
    check_unique(where, "id", (category.id for category in categories))
    check_unique(where, "name", (category.name for category in categories))
    ordered = sorted(categories, key=lambda category: category.id)
    return {category.id: check_name(where, "a species", category.name) for category in ordered}


def read_facts(path: Path, info: Any) -> dict[str, Any]:
    """What ``info`` says of the data set; nothing where it is no object.

    Raises:
        DatasetError: if JSON cannot hold what is in it.
    """
    facts = info if isinstance(info, dict) else {}
    try:
        check_facts(facts)
    except ValueError as error:
        raise DatasetError(f"{path}: info: {error}.") from error
    return facts


def start_track(where: str, category_id: int, crowd: bool, species: dict[int, str]) -> TrackRows:
    """Rows for an animal of a category.

    Raises:
        DatasetError: if the category is not listed.
    """
    if category_id not in species:
        raise DatasetError(f"{where}: category_id {category_id} is not among the categories.")
    return TrackRows(species[category_id], crowd)


def add_shape(
    where: str,
    rows: TrackRows,
    frame: int,
    bbox: XYWH | None,
    segmentation: Any,
    size: tuple[int, int],
    dropped: Counter[Thing],
) -> bool:
    """Add an annotation's box and mask; where there is none, or an empty one, that is counted as dropped.

    Returns:
        Whether it was added.

    Raises:
        DatasetError: if box or mask are broken.
    """
    try:
        mask = read_segmentation(segmentation, *size)
        box = _box(bbox, mask)
        if box is None or box[0] == box[2] or box[1] == box[3]:
            dropped[_BOXLESS if box is None else _EMPTY] += 1
            return False
        rows.add(frame, box, mask)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    return True


def _box(bbox: XYWH | None, mask: Rle | None) -> tuple[float, float, float, float] | None:
    """The xyxy box; that of the mask where none is given."""
    if bbox is not None:
        return bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3]
    if mask is None:
        return None
    x1, y1, x2, y2 = mask_to_box(mask).tolist()
    return x1, y1, x2, y2


def first_image_ids(dataset: Dataset) -> list[int]:
    """The id of the first frame of each video, where all frames are counted from 1."""
    return list(accumulate((known_length(video) for video in dataset.videos[:-1]), initial=1))


def list_images(dataset: Dataset, video: LabelledVideo, first: int) -> Iterator[dict[str, Any]]:
    """An entry for each frame of a video; a picture keeps its name."""
    name, info = relative_name(dataset, video), video.info
    length = known_length(video)
    alone = length == 1 and PurePosixPath(name).suffix.lower() in PICTURES
    facts: dict[str, Any] = {"width": info.width, "height": info.height} if info.width else {}
    if alone:
        facts |= {"split": video.split} if video.split else {}
        facts |= {"seq_id": video.recording} if video.recording else {}
    for frame in range(length):
        yield {"id": first + frame, "file_name": name if alone else frame_name(name, frame), **facts}


def frame_name(video: str, frame: int) -> str:
    """What the picture of a video's frame is called."""
    return f"{video}/{frame:06d}.jpg"


def list_annotations(
    dataset: Dataset, firsts: Sequence[int]
) -> Iterator[tuple[int, tuple[Track, int], dict[str, Any]]]:
    """Number of the video, track and place in it, and entry (without its id) of each box."""
    categories = {name: number for number, name in enumerate(dataset.species, start=1)}
    for number, (video, first) in enumerate(zip(dataset.videos, firsts, strict=True)):
        for track in video.tracks:
            for place, (frame, box, mask) in enumerate(
                zip(track.frames.tolist(), track.boxes.tolist(), track.masks, strict=True)
            ):
                width, height = box[2] - box[0], box[3] - box[1]
                entry = {
                    "image_id": first + frame,
                    "category_id": categories[track.label],
                    "bbox": [box[0], box[1], width, height],
                    "area": width * height if mask is None else mask_area(mask),
                    "segmentation": [] if mask is None else to_coco_json(mask),
                    "iscrowd": int(track.crowd),
                }
                yield number, (track, place), entry
