"""Pictures of labelled animals that a namer learns from."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from wildact.clip import crop_box, crop_region
from wildact.datasets import Dataset
from wildact.decode import VideoReader
from wildact.errors import DatasetError
from wildact.recipes import NamerData
from wildact.taxonomy import Taxonomy
from wildact.train.augment import apply_look, draw_look
from wildact.types import Float32, Image

SMALLEST_PX = 16
"""Boxes with a shorter side are left out: nobody could name what is in them."""
FRAMES_PER_TRACK = 4
NOT_NAMED = "human"


@dataclass(frozen=True, slots=True)
class Animal:
    """A box around a labelled animal.

    Attributes:
        path: of the video or image.
        frame: index.
        box: (4,) float32 xyxy pixels.
        name: of the taxonomy.
        group: pictures of one animal or one burst share it.
        light: day, dusk or ir.
        dataset: name of its data set.
    """

    path: Path
    frame: int
    box: Float32
    name: str
    group: str
    light: str
    dataset: str


def list_animals(dataset: Dataset, taxonomy: Taxonomy) -> list[Animal]:
    """Return the boxes of a data set whose labels the taxonomy knows, but for people and ignore regions.

    Args:
        dataset: videos or images; of each track `FRAMES_PER_TRACK` frames at most.
        taxonomy: knows common and scientific names.
    """
    animals = []
    name = dataset.root.name
    for video in dataset.videos:
        for track in video.tracks:
            taxon = taxonomy.find(track.label)
            if taxon is None or taxon.name == NOT_NAMED or track.crowd:
                continue
            places = np.unique(np.linspace(0, len(track) - 1, FRAMES_PER_TRACK).round().astype(int))
            recording = video.recording or f"{video.info.path} {track.track_id}"
            group = f"{name} {recording} {taxon.name}"
            animals += [
                Animal(
                    video.info.path,
                    int(track.frames[k]),
                    track.boxes[k],
                    taxon.name,
                    group,
                    video.light or "day",
                    name,
                )
                for k in places
                if min(track.boxes[k, 2:] - track.boxes[k, :2]) >= SMALLEST_PX
            ]
    return animals


def plan_views(animals: Sequence[Animal], data: NamerData, rng: Generator) -> list[tuple[Animal, bool]]:
    """Return which animals are shown how often, and whether as at night.

    Args:
        animals: of all data sets.
        data: of the recipe: about ``crops_per_label`` views of each label of each set, of one animal at most
            ``max_views``, half of them (rounded) as at night.
        rng: random generator.

    Returns:
        In the order of the files, so that each is decoded once.
    """
    by_label: dict[tuple[str, str], list[Animal]] = defaultdict(list)
    for animal in animals:
        by_label[animal.dataset, animal.name].append(animal)
    views: list[tuple[Animal, bool]] = []
    for label in sorted(by_label):
        members = by_label[label]
        each = min(data.max_views, max(1, math.ceil(data.crops_per_label / len(members))))
        chosen = rng.permutation(len(members))[: max(1, data.crops_per_label // each)]
        for k in chosen.tolist():
            first = bool(rng.random() < 0.5)
            views += [(members[k], (view % 2 == 0) == first) for view in range(each)]
    return sorted(views, key=lambda view: (view[0].path, view[0].frame))


def draw_views(
    views: Sequence[tuple[Animal, bool]], data: NamerData, rng: Generator
) -> Iterator[tuple[Animal, Image]]:
    """Yield each view's picture (size, size, 3) uint8, moved, changed and, at night, without colour."""
    for image, members in _read_frames(views):
        for animal, night in members:
            yield animal, draw_view(image, animal.box, data, rng, night=night)


def read_crops(animals: Sequence[Animal], data: NamerData) -> Iterator[tuple[Animal, Image]]:
    """Yield each animal's picture (size, size, 3) uint8 as an analysis would cut it, by file and frame."""
    ordered = sorted(animals, key=lambda animal: (animal.path, animal.frame))
    for image, members in _read_frames([(animal, False) for animal in ordered]):
        for animal, _ in members:
            yield animal, crop_box(image, animal.box, size=data.size, context=data.context)


def draw_view(image: Image, box: Float32, data: NamerData, rng: Generator, *, night: bool) -> Image:
    """Return one random picture of an animal.

    Args:
        image: (H, W, 3) uint8.
        box: (4,) xyxy pixels.
        data: of the recipe.
        rng: random generator.
        night: show it as an infrared camera would: grey, with stronger noise and another contrast.

    Returns:
        (size, size, 3) uint8.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    moved = rng.uniform(-data.box_jitter, data.box_jitter, 2) * (x2 - x1, y2 - y1)
    side = max(x2 - x1, y2 - y1) * rng.uniform(*data.context_range)
    centre = ((x1 + x2) / 2 + moved[0], (y1 + y2) / 2 + moved[1])
    crop = crop_region(image, centre, side, data.size)
    if rng.random() < data.flip:
        crop = np.ascontiguousarray(crop[:, ::-1])
    if rng.random() < data.small * (1.5 if night else 0.75):
        few = int(rng.integers(data.size // 6, data.size * 2 // 3))
        crop = np.asarray(cv2.resize(crop, (few, few), interpolation=cv2.INTER_AREA), np.uint8)
        crop = np.asarray(cv2.resize(crop, (data.size, data.size)), np.uint8)
    look = draw_look(
        rng,
        grayscale=1.0 if night else 0.1,
        brightness=data.brightness * (1.5 if night else 0.75),
        blur=data.blur,
        noise=data.noise * (1.5 if night else 0.5),
    )
    return apply_look(crop, look, rng)


def count_labels(animals: Sequence[Animal]) -> dict[str, int]:
    """Return how many boxes each name has."""
    return dict(sorted(Counter(animal.name for animal in animals).items()))


def _read_frames(
    views: Sequence[tuple[Animal, bool]],
) -> Iterator[tuple[Image, list[tuple[Animal, bool]]]]:
    """Yield each frame with its views, given in the order of the files; each file is decoded once.

    Raises:
        DatasetError: if a labelled frame cannot be decoded.
    """
    for path, of_file in groupby(views, key=lambda view: view[0].path):
        yield from _read_file(path, list(of_file))


def _read_file(
    path: Path, views: Sequence[tuple[Animal, bool]]
) -> Iterator[tuple[Image, list[tuple[Animal, bool]]]]:
    members = {index: list(group) for index, group in groupby(views, key=lambda view: view[0].frame)}
    wanted = frozenset(members)
    with VideoReader(path) as reader:
        for frame in reader.frames(lambda index, _: index in wanted):
            yield frame.image, members.pop(frame.index)
            if not members:
                return
    raise DatasetError(
        f"{path}: frame {min(members)} is labelled, but cannot be decoded: run `wildact data check`."
    )
