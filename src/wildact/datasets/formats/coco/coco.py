"""COCO: pictures with boxes, masks and categories, without time.

Each picture is read as a video of one frame, each annotation as a track of one box. A video is written as
its frames, named ``VIDEO/000000.jpg``, counted from 0.

Reference: Lin et al. 2014, "Microsoft COCO", https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.coco.entries import first_image_ids, list_annotations, list_images
from wildact.datasets.formats.documents import save_document
from wildact.datasets.native.raw import read_content
from wildact.datasets.native.read import raise_error, read_image_set
from wildact.errors import DatasetError
from wildact.export.youtube_vis import list_categories


def read_coco(path: Path) -> Dataset:
    """Read a COCO file, see `wildact.datasets.native.images`; what it does not state stays unknown.

    Raises:
        DatasetError: naming the entry that is wrong.
    """
    if not path.exists():
        raise DatasetError(f"{path} does not exist; check the name.")
    content = read_content(path, raise_error)
    assert content is not None  # else it has raised
    return read_image_set(path, content, raise_error, stated_only=True)


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
