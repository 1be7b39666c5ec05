"""COCO: pictures with boxes, masks and categories, without time.

Each picture is read as a video of one frame, each annotation as a track of one box. A video is written as
its frames, named ``VIDEO/000000.jpg``, counted from 0.

Reference: Lin et al. 2014, "Microsoft COCO", https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.checks import check_unique, video_path
from wildact.datasets.formats.coco.entries import (
    KEYPOINTS,
    Annotation,
    Category,
    Picture,
    add_shape,
    first_image_ids,
    list_annotations,
    list_images,
    read_categories,
    read_facts,
    start_track,
)
from wildact.datasets.formats.documents import Id, Part, load_document, save_document
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.export.youtube_vis import list_categories
from wildact.labels import LabelledVideo
from wildact.types import Track


class Document(Part):
    """A COCO file."""

    images: list[Picture]
    annotations: list[Annotation]
    categories: list[Category]
    info: Any = None


def read_coco(path: Path) -> Dataset:
    """Read a COCO file.

    Raises:
        DatasetError: naming the entry that is wrong.
    """
    document = load_document(path, Document)
    species = read_categories(path, document.categories)
    check_unique(f"{path}: images", "id", (picture.id for picture in document.images))
    check_unique(f"{path}: annotations", "id", (entry.id for entry in document.annotations))
    pictures = {picture.id: picture for picture in document.images}
    tracks: dict[Id, list[Track]] = {number: [] for number in pictures}
    dropped: Counter[Thing] = Counter()
    for entry in document.annotations:
        where = f"{path}: annotation {entry.id}"
        if entry.image_id not in pictures:
            raise DatasetError(f"{where}: it is of image {entry.image_id}, which 'images' does not list.")
        of_picture = tracks[entry.image_id]
        picture = pictures[entry.image_id]
        dropped[KEYPOINTS] += bool(entry.keypoints)
        rows = start_track(where, entry.category_id, entry.iscrowd, species)
        size = (picture.width, picture.height)
        if add_shape(where, rows, 0, entry.bbox, entry.segmentation, size, dropped):
            of_picture.append(rows.build(len(of_picture) + 1))
    videos = [_video(path, picture, tracks[number]) for number, picture in pictures.items()]
    return build_dataset(
        f"{path}: images",
        path.parent,
        videos,
        species=species.values(),
        facts=read_facts(path, document.info),
        dropped=dropped,
    )


def _video(path: Path, picture: Picture, tracks: Sequence[Track]) -> LabelledVideo:
    where = f"{path}: image {picture.id}"
    place = video_path(where, path.parent, picture.file_name)
    return build_video(where, place, size=(picture.width, picture.height), frames=1, tracks=tracks)


def write_coco(dataset: Dataset, path: Path) -> None:
    """Write a COCO file.

    Raises:
        OutputError: if it cannot be written, or a video's length is unknown.
    """
    firsts = first_image_ids(dataset)
    document = {
        "info": dict(dataset.facts),
        "images": (image for video, first in zip(dataset.videos, firsts, strict=True)
                   for image in list_images(dataset, video, first)),
        "annotations": ({"id": number, **entry} for number, (_, _, entry)
                        in enumerate(list_annotations(dataset, firsts), start=1)),
        "categories": list_categories(dataset.species, dataset.supercategories),
    }  # fmt: skip
    save_document(path, document)
