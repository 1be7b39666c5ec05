"""Labelled photographs and camera-trap frames as truth to score detectors against: animals, of one class.

Ignore regions are COCO's crowds: not wanted, and detections within them are not wrong. They are animals that
are labelled ``iscrowd`` or ``difficult``, and all of an image with ``complete: false`` but its labelled
animals.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wildact.boxes import xywh_to_xyxy
from wildact.masks import encode_cropped_mask, from_coco
from wildact.types import Bool, Detections, Float32, Int64, Rle

CLEAN = "clean"
"""Mask quality of an animal whose box meets no other of its class."""

MISLABELLED = ("SEQ84581_IMG_0013.jpg",)
"""Frames labelled empty that show an animal: left out."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is to be found in some images of a set.

    Attributes:
        images: (N,) int64, which images of the set.
        animals: one per image.
        crowds: for each image (M,) bool, which of its animals are ignore regions.
    """

    images: Int64
    animals: tuple[Detections, ...]
    crowds: tuple[Bool, ...]


@dataclass(frozen=True, slots=True)
class RealSet:
    """One split of a set of images.

    Attributes:
        name: of the set and split.
        paths: of N images.
        groups: of each image, what counts as one in an interval: its burst, or the image itself.
        facts: of each image: what its labels say of it.
        empty: (N,) bool, which images show no animal.
        boxes: of all images.
        masks: of those images that have any masks; animals without one are ignore regions. None: no masks.
        clean_masks: the same, where masks of animals that overlap others are ignore regions, too.
    """

    name: str
    paths: tuple[Path, ...]
    groups: tuple[str, ...]
    facts: tuple[dict[str, Any], ...]
    empty: Bool
    boxes: Truth
    masks: Truth | None
    clean_masks: Truth | None


def load_real_set(folder: Path, split: str, *, every: int = 1) -> RealSet:
    """Read one split of a folder of images with ``annotations.json``.

    Args:
        folder: of the set.
        split: whose images.
        every: only each n-th of them.
    """
    labels = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    images = [
        image
        for image in labels["images"]
        if image["split"] == split and not image["file_name"].endswith(MISLABELLED)
    ][::every]
    kinds = {entry["id"]: entry["supercategory"] for entry in labels["categories"]}
    animals: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in images}
    for entry in labels["annotations"]:
        if entry["image_id"] in animals and kinds[entry["category_id"]] == "animal":
            animals[entry["image_id"]].append(entry)
    of_images = list(animals.values())
    empty = [not animals[image["id"]] and image.get("complete", True) for image in images]
    return RealSet(
        name=f"{folder.name} {split}",
        paths=tuple(folder / image["file_name"] for image in images),
        groups=tuple(str(image.get("seq_id", image["id"])) for image in images),
        facts=tuple(images),
        empty=np.array(empty, bool),
        boxes=_make_truth(images, of_images, np.arange(len(images)), None),
        masks=_make_mask_truth(images, of_images, (CLEAN, "overlap")),
        clean_masks=_make_mask_truth(images, of_images, (CLEAN,)),
    )  # fmt: skip


def group_images(groups: Sequence[str]) -> dict[str, Int64]:
    """Return each group's images."""
    names = list(dict.fromkeys(groups))
    return {name: np.flatnonzero([group == name for group in groups]) for name in names}


def _make_mask_truth(
    images: list[dict[str, Any]], animals: list[list[dict[str, Any]]], qualities: tuple[str, ...]
) -> Truth | None:
    chosen = [k for k, entries in enumerate(animals) if any(_has_mask(entry, qualities) for entry in entries)]
    if not chosen:
        return None
    return _make_truth(images, animals, np.array(chosen, np.int64), qualities)


def _has_mask(entry: dict[str, Any], qualities: tuple[str, ...]) -> bool:
    return "segmentation" in entry and entry.get("mask_quality", CLEAN) in qualities


def _make_truth(
    images: list[dict[str, Any]],
    animals: list[list[dict[str, Any]]],
    chosen: Int64,
    qualities: tuple[str, ...] | None,
) -> Truth:
    """Of the chosen images, with masks where these shall have some quality."""
    of_images = [_read_animals(images[k], animals[k], qualities) for k in chosen]
    return Truth(chosen, tuple(animals for animals, _ in of_images), tuple(crowds for _, crowds in of_images))


def _read_animals(
    image: dict[str, Any], entries: list[dict[str, Any]], qualities: tuple[str, ...] | None
) -> tuple[Detections, Bool]:
    height, width = int(image["height"]), int(image["width"])
    boxes = xywh_to_xyxy(np.array([entry["bbox"] for entry in entries], np.float32).reshape(-1, 4))
    crowds = [bool(entry.get("iscrowd") or entry.get("difficult")) for entry in entries]
    masks: list[Rle] = []
    if qualities is not None:
        for k, entry in enumerate(entries):
            known = _has_mask(entry, qualities)
            crowds[k] = crowds[k] or not known
            masks.append(from_coco(entry["segmentation"]) if known else _fill(boxes[k], height, width))
    if not image.get("complete", True):
        boxes = np.concatenate([boxes, np.array([[0, 0, width, height]], np.float32)])
        crowds.append(True)
        masks.append(_fill(boxes[-1], height, width))
    found = Detections(
        boxes=boxes,
        scores=np.ones(len(boxes), np.float32),
        labels=np.zeros(len(boxes), np.int64),
        masks=tuple(masks) if qualities is not None else None,
    )
    return found, np.array(crowds, bool)


def _fill(box: Float32, height: int, width: int) -> Rle:
    """Return a box as a mask."""
    x1, y1 = np.clip(np.floor(box[:2]), 0, (width, height)).astype(int)
    x2, y2 = np.clip(np.ceil(box[2:]), 0, (width, height)).astype(int)
    return encode_cropped_mask(np.ones((y2 - y1, x2 - x1), bool), int(x1), int(y1), height, width)
