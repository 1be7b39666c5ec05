"""Train a detector: frames with their instance masks in, torchvision's Mask R-CNN losses out.

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
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.masks import decode_mask
from wildact.recipes import DetectionRecipe
from wildact.recipes.schema import DetectionData
from wildact.train.augment import apply_look, draw_look, scale_and_crop
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks, read_frames
from wildact.types import Bool, Image

MIN_AREA_PX = 16
"""Fewer visible pixels than this after scaling are no animal that a network could learn from."""

Target = dict[str, Tensor]
Sample = tuple[Tensor, Target]


def build_blocks(dataset: Dataset, recipe: DetectionRecipe) -> Blocks[Sample]:
    """All the samples that the recipe trains on."""
    check_masks(dataset)
    return Blocks(
        dataset.videos,
        partial(draw_frames, species=dataset.species, data=recipe.data),
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=recipe.data.frames_per_video,
        iterations=count_iterations(recipe, len(dataset.videos), recipe.data.frames_per_video),
    )


def check_masks(dataset: Dataset, *, crowds: bool = False) -> None:
    """Refuse labels of which some are boxes alone: their animals would be taught to be background.

    Args:
        dataset: to train on, or to score masks on.
        crowds: refuse such groups, too.

    Raises:
        DatasetError: naming the first of them.
    """
    for video in dataset.videos:
        for track in video.tracks:
            if (crowds or not track.crowd) and any(mask is None for mask in track.masks):
                raise DatasetError(
                    f"{video.info.path}: track {track.track_id} has boxes without masks, which this network "
                    "cannot be trained or scored on: draw masks, or leave the video out."
                )


def draw_frames(
    video: LabelledVideo, rng: Generator, *, species: Sequence[str], data: DetectionData
) -> list[Sample]:
    """Draw frames of one video, each with another look, scale and cut.

    Returns:
        For each frame a (3, h, w) uint8 image and torchvision's target: boxes
        (N, 4) float32 xyxy, labels (N,) int64 from 1, masks (N, h, w) uint8.
    """
    chosen = choose_frames(video, rng, data)
    samples = []
    for index, image in read_images(video, chosen).items():
        (changed,), target = change_frames([image], *read_truth(video, index, species), rng, data)
        samples.append((changed, target))
    return samples


def read_images(video: LabelledVideo, chosen: Sequence[int]) -> dict[int, Image]:
    """Pictures of frames by number; of a damaged file maybe fewer than were labelled."""
    return {index: frame.image for index, frame in sorted(read_frames(video, set(chosen)).items())}


def change_frames(
    images: Sequence[Image], masks: Bool, labels: Sequence[int], rng: Generator, data: DetectionData
) -> tuple[Tensor, Target]:
    """Change frames at random, all in the same way but for the noise.

    Args:
        images: T of (H, W, 3) uint8.
        masks: (N, H, W) of the animals on the first of them.
        labels: of the animals.
        rng: random generator.
        data: says how much.

    Returns:
        (T, 3, h, w) uint8, and torchvision's target for the first of them.
    """
    cut = partial(
        scale_and_crop, masks=masks, scale=data.scale, width=data.width, height=data.height, focus=data.focus
    )
    state = rng.bit_generator.state
    pictures = []
    for image in images:
        rng.bit_generator.state = state  # the same draws for each
        picture, cut_masks = cut(rng, image)
        pictures.append(picture)
    look = draw_look(
        rng, grayscale=data.grayscale, brightness=data.brightness, blur=data.blur, noise=data.noise
    )
    changed = apply_look(np.stack(pictures), look, rng)
    if rng.random() < data.flip:
        changed, cut_masks = changed[:, :, ::-1], cut_masks[:, :, ::-1]
    tensor = torch.from_numpy(np.ascontiguousarray(changed.transpose(0, 3, 1, 2)))
    return tensor, make_target(cut_masks, labels)


def choose_frames(video: LabelledVideo, rng: Generator, data: DetectionData) -> list[int]:
    """Frame numbers, nearly always with an animal where the video has one."""
    length = video.info.frames or 0
    occupied = np.unique(np.concatenate([np.zeros(0, np.int64), *(track.frames for track in video.tracks)]))
    pool = np.arange(length) if len(occupied) == 0 or rng.random() < data.blank_share else occupied
    count = min(data.frames_per_video, len(pool))
    return sorted(int(i) for i in rng.choice(pool, count, replace=False))


def read_truth(video: LabelledVideo, frame: int, species: Sequence[str]) -> tuple[Bool, list[int]]:
    """(N, H, W) masks and labels (from 1) of the animals visible on a frame; groups are left out."""
    masks, labels = [], []
    for track in video.tracks:
        if track.crowd:  # as torchvision's reference does: it is neither one animal nor background
            continue
        place = track.place_of(frame)
        mask = None if place is None else track.masks[place]
        if mask is not None:
            masks.append(decode_mask(mask))
            labels.append(species.index(track.label) + 1)
    shape = (len(masks), video.info.height, video.info.width)
    return np.array(masks, bool).reshape(shape), labels


def make_target(masks: Bool, labels: Sequence[int]) -> Target:
    """Torchvision's target of (N, h, w) masks; animals of which hardly a pixel is left are none."""
    keep = [i for i, mask in enumerate(masks) if mask.sum() >= MIN_AREA_PX]
    masks = masks[keep]
    boxes = np.array([_box(mask) for mask in masks], np.float32).reshape(-1, 4)
    return {
        "boxes": torch.from_numpy(boxes),
        "labels": torch.tensor([labels[i] for i in keep], dtype=torch.int64),
        "masks": torch.from_numpy(np.ascontiguousarray(masks).astype(np.uint8)),
    }


def _box(mask: Bool) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def compute_losses(model: nn.Module, batch: Sequence[Sample]) -> dict[str, Tensor]:
    """Torchvision's losses: objectness, RPN boxes, class, boxes, masks.

    Args:
        model: a torchvision ``MaskRCNN``.
        batch: (3, h, w) uint8 images with their targets.
    """
    losses: dict[str, Tensor] = model(
        [image.float() / 255 for image, _ in batch], [target for _, target in batch]
    )
    return losses


def prepare_model(model: nn.Module) -> nn.Module:
    """Samples come scaled as they are to be seen: the model must not scale them again while training."""
    model.transform._skip_resize = True  # type: ignore[union-attr]  # torchvision has no types
    return model
