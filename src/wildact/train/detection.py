"""Train a detector: labelled frames and photographs in, Mask R-CNN's losses out.

Reference: Schindler & Steinhage 2021, section 4.3; torchvision's detection reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from wildact.datasets import Dataset
from wildact.errors import VideoError
from wildact.labels import LabelledVideo
from wildact.recipes import DetectionRecipe
from wildact.recipes.schema import DetectionData
from wildact.train.augment import apply_look, draw_look
from wildact.train.objects import (
    Objects,
    Target,
    cut_image,
    cut_objects,
    draw_cut,
    join_mosaic,
    make_target,
    mirror_objects,
    read_objects,
)
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks, read_frames
from wildact.types import Image

CENTRE = (0.35, 0.65)
"""Where the four images of a mosaic meet, as a range of shares of its sides."""

Sample = tuple[Tensor, Target]


def build_blocks(
    dataset: Dataset, recipe: DetectionRecipe, chances: Sequence[float] | None = None
) -> Blocks[Sample]:
    """Return all the samples that the recipe trains on.

    Args:
        dataset: in the classes of the recipe.
        recipe: of the training.
        chances: of each video to be visited; None: each is visited once per round.
    """
    return Blocks(
        dataset.videos,
        partial(draw_frames, dataset=dataset, chances=chances, data=recipe.data),
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=recipe.data.frames_per_video,
        iterations=count_iterations(recipe, len(dataset.videos), recipe.data.frames_per_video),
        chances=chances,
    )


def draw_frames(
    video: LabelledVideo,
    rng: Generator,
    *,
    dataset: Dataset,
    data: DetectionData,
    chances: Sequence[float] | None = None,
) -> list[Sample]:
    """Draw frames of one video, each with another look, scale and cut; some in a mosaic with other videos'.

    Returns:
        For each frame a (3, h, w) uint8 image and its target, see `wildact.train.objects.make_target`.
    """
    samples = []
    for image, objects in read_labelled(video, rng, dataset.species, data):
        if rng.random() < data.mosaic:
            cut, objects = _draw_mosaic(image, objects, rng, dataset, data, chances)
        else:
            (cut,), objects = _cut([image], objects, rng, data, data.width, data.height)
        tensors, target = change_frames([cut], objects, rng, data)
        samples.append((tensors[0], target))
    return samples


def read_labelled(
    video: LabelledVideo, rng: Generator, species: Sequence[str], data: DetectionData
) -> list[tuple[Image, Objects]]:
    """Draw frames of a video and read them with their objects; fewer where the file is damaged."""
    frames = read_frames(video, set(choose_frames(video, rng, data)))
    return [(frames[index].image, read_objects(video, index, species)) for index in sorted(frames)]


def _draw_mosaic(
    image: Image,
    objects: Objects,
    rng: Generator,
    dataset: Dataset,
    data: DetectionData,
    chances: Sequence[float] | None,
) -> tuple[Image, Objects]:
    """Cut an image and three others to the four cells of one canvas.

    Objects become smaller, and each pass through the network sees more of them.
    """
    single = data.model_copy(update={"frames_per_video": 1})
    parts = [(image, objects)]
    while len(parts) < 4:
        other = dataset.videos[int(rng.choice(len(dataset.videos), p=chances))]
        try:
            parts += read_labelled(other, rng, dataset.species, single)
        except VideoError:  # a video that cannot be decoded is reported where it is visited itself
            continue
    x, y = (round(float(rng.uniform(*CENTRE)) * side) for side in (data.width, data.height))
    cells = [(0, 0, x, y), (x, 0, data.width, y), (0, y, x, data.height), (x, y, data.width, data.height)]
    cut = []
    for (picture, labelled), (left, top, right, bottom) in zip(parts, cells, strict=True):
        cell = (right - left, bottom - top)
        (picture,), labelled = _cut([picture], labelled, rng, data, *cell, cover=True)
        cut.append((picture, labelled))
    return join_mosaic(cut, [(left, top) for left, top, *_ in cells], (data.height, data.width))


def _cut(
    images: Sequence[Image],
    objects: Objects,
    rng: Generator,
    data: DetectionData,
    width: int,
    height: int,
    *,
    cover: bool = False,
) -> tuple[list[Image], Objects]:
    """Scale and cut images of the same moment all alike, with the objects of the first."""
    size = (images[0].shape[0], images[0].shape[1])
    cut = draw_cut(
        rng,
        objects.boxes,
        size,
        scale=data.scale,
        width=width,
        height=height,
        focus=data.focus,
        cover=cover,
    )
    return [cut_image(image, cut) for image in images], cut_objects(objects, cut)


def cut_and_change_frames(
    images: Sequence[Image], objects: Objects, rng: Generator, data: DetectionData
) -> tuple[Tensor, Target]:
    """Scale, cut and change frames at random, all alike but for the noise.

    Args:
        images: T of (H, W, 3) uint8.
        objects: of the first of them.
        rng: random generator.
        data: says how much.

    Returns:
        (T, 3, h, w) uint8, and the target for the first of them.
    """
    cut, objects = _cut(images, objects, rng, data, data.width, data.height)
    return change_frames(cut, objects, rng, data)


def change_frames(
    images: Sequence[Image], objects: Objects, rng: Generator, data: DetectionData
) -> tuple[Tensor, Target]:
    """Change the look of frames, and mirror some, all alike but for the noise; as `cut_and_change_frames`."""
    look = draw_look(
        rng, grayscale=data.grayscale, brightness=data.brightness, blur=data.blur, noise=data.noise
    )
    changed = apply_look(np.stack(images), look, rng)
    if rng.random() < data.flip:
        changed, objects = changed[:, :, ::-1], mirror_objects(objects)
    tensor = torch.from_numpy(np.ascontiguousarray(changed.transpose(0, 3, 1, 2)))
    return tensor, make_target(objects)


def choose_frames(video: LabelledVideo, rng: Generator, data: DetectionData) -> list[int]:
    """Return frame numbers, nearly always with an animal where the video has one."""
    length = video.info.frames or 0
    occupied = np.unique(np.concatenate([np.zeros(0, np.int64), *(track.frames for track in video.tracks)]))
    pool = np.arange(length) if len(occupied) == 0 or rng.random() < data.blank_share else occupied
    count = min(data.frames_per_video, len(pool))
    return sorted(int(i) for i in rng.choice(pool, count, replace=False))


def compute_losses(model: nn.Module, batch: Sequence[Sample]) -> dict[str, Tensor]:
    """Return the losses: objectness, RPN boxes, class, boxes, masks.

    Args:
        model: see `wildact.detect.mask_rcnn.MaskRCNN`; for windows of frames
            `wildact.detect.fgfa.FlowGuidedMaskRCNN`.
        batch: (3, h, w) uint8 images, or (T, 3, h, w) windows, with their targets.
    """
    images = [image.float() / 255 for image, _ in batch]
    losses: dict[str, Tensor] = model(images, [target for _, target in batch])
    return losses
