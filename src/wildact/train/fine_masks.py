"""Train what looks closely at animals that were found: pixels around boxes in, their masks out.

Everything else of the detector is trained already and stays as it is, so it looks at each video once: what it
saw in its boxes is kept, and learned from again and again.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.roi_heads import maskrcnn_inference
from torchvision.ops import box_iou, clip_boxes_to_image, roi_align

from wildact.backbones import lite0
from wildact.datasets import Dataset
from wildact.detect.fine_masks import CELLS, cut_pixels, widen
from wildact.detect.heads import refine_proposals
from wildact.detect.predict import resize_for
from wildact.labels import LabelledVideo
from wildact.recipes import DetectionRecipe
from wildact.recipes.schema import DetectionData, FineMasks
from wildact.train.augment import apply_look, draw_look, scale_masks
from wildact.train.detection import check_masks, choose_frames, make_target, read_images, read_truth
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks
from wildact.types import Image

MIN_IOU = 0.4
"""Boxes that overlap an animal less are of something else; those at 0.5 are where it matters most."""

MEAN, STD = (torch.tensor(values)[:, None, None] for values in (lite0.MEAN, lite0.STD))

Sample = tuple[Tensor, Tensor, Tensor, Tensor]


def build_blocks(
    dataset: Dataset, recipe: DetectionRecipe, settings: FineMasks, model: nn.Module
) -> Blocks[Sample]:
    """All the samples that the recipe trains on.

    Args:
        dataset: of labelled videos.
        recipe: of the training.
        settings: its section.
        model: a torchvision ``MaskRCNN`` that finds the animals, as it is now.
    """
    check_masks(dataset)
    finder = copy.deepcopy(model).eval().requires_grad_(False)
    return Blocks(
        dataset.videos,
        BoxDrawer(finder, tuple(dataset.species), recipe.data, settings, recipe.seed),
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=settings.boxes_per_visit,
        iterations=count_iterations(recipe, len(dataset.videos), settings.boxes_per_visit),
    )


@dataclass(frozen=True, slots=True)
class SeenBox:
    """What a detector saw in a box around an animal.

    Attributes:
        pixels: (P, P, 3) uint8 RGB, of `cut_pixels`.
        seen: (C, 14, 14) float16 of the mask head.
        guess: (1, M, M) float16 probabilities of the mask head.
        wanted: (1, `CELLS`, `CELLS`) bool, see `cut_masks`.
    """

    pixels: Image
    seen: Tensor
    guess: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class BoxDrawer:
    """Draws boxes of a video, which is decoded, and looked at, at its first visit only.

    Attributes:
        finder: the detector; on the CPU.
        species: of the data set.
        data: of the recipe.
        settings: of the recipe.
        seed: of the recipe.
        known: boxes of each video that was visited, by its path.
    """

    finder: Any  # torchvision has no types
    species: tuple[str, ...]
    data: DetectionData
    settings: FineMasks
    seed: int
    known: dict[str, list[SeenBox]] = field(default_factory=dict)

    def __call__(self, video: LabelledVideo, rng: Generator) -> list[Sample]:
        """Boxes of one video.

        Returns:
            Of each what `FineMasks` takes, without the first dimension, and (1, `CELLS`, `CELLS`) float32 of
            0 and 1, which it should say.
        """
        key = str(video.info.path)
        if key not in self.known:
            self.known[key] = self._look_at(video)
        boxes = self.known[key]
        chosen = rng.permutation(len(boxes))[: self.settings.boxes_per_visit]
        return [self._draw(boxes[k], rng) for k in chosen]

    def _look_at(self, video: LabelledVideo) -> list[SeenBox]:
        """The same boxes whenever it is visited first: a training that was interrupted goes on exactly."""
        rng = np.random.default_rng((self.seed, zlib.crc32(video.info.path.name.encode())))
        found: list[SeenBox] = []
        for index, image in read_images(video, choose_frames(video, rng, self.data)).items():
            image = resize_for(self.finder, image)  # as in an analysis; the network's own way is coarser
            masks, labels = read_truth(video, index, self.species)
            target = make_target(scale_masks(masks, (image.shape[1], image.shape[0])), labels)
            if len(target["boxes"]):
                tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 255
                with torch.inference_mode():
                    found += see_boxes(self.finder, tensor, target, self.settings, rng)
        return found

    def _draw(self, box: SeenBox, rng: Generator) -> Sample:
        data = self.data
        look = draw_look(
            rng, grayscale=data.grayscale, brightness=data.brightness, blur=data.blur, noise=data.noise
        )
        pixels = torch.from_numpy(apply_look(box.pixels, look, rng)).permute(2, 0, 1).float() / 255
        parts = (pixels - MEAN) / STD, box.seen.float(), box.guess.float(), box.wanted.float()
        if rng.random() < data.flip:
            parts = parts[0].flip(-1), parts[1].flip(-1), parts[2].flip(-1), parts[3].flip(-1)
        return parts


def see_boxes(
    finder: Any, image: Tensor, target: dict[str, Tensor], settings: FineMasks, rng: Generator
) -> list[SeenBox]:
    """Boxes near to where a detector sees the animals of a frame.

    Args:
        finder: a torchvision ``MaskRCNN`` in evaluation mode.
        image: (3, H, W) float RGB in [0, 1].
        target: torchvision's.
        settings: how many, and how near.
        rng: random generator.
    """
    images, (scaled,) = finder.transform([image], [target])
    sizes, heads = images.image_sizes, finder.roi_heads
    features = finder.backbone(images.tensors)
    proposals = finder.rpn(images, features)[0]
    proposals = refine_proposals(heads, features, proposals, sizes)
    boxes, owner = choose_boxes(proposals[0], scaled["boxes"], sizes[0], settings, rng)
    if len(boxes) == 0:
        return []
    seen = heads.mask_head(heads.mask_roi_pool(features, [boxes], sizes))
    logits = heads.mask_predictor(seen)
    (guesses,) = maskrcnn_inference(logits, [scaled["labels"][owner]])
    pixels = ((cut_pixels(images.tensors, [boxes]) * STD + MEAN) * 255).round().clamp(0, 255).to(torch.uint8)
    wanted = cut_masks(scaled["masks"], boxes, owner)
    return [
        SeenBox(np.ascontiguousarray(p.permute(1, 2, 0).numpy()), s, g, w)
        for p, s, g, w in zip(pixels, seen.half(), guesses.half(), wanted, strict=True)
    ]


def choose_boxes(
    proposals: Tensor, animals: Tensor, size: tuple[int, int], settings: FineMasks, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Some of the proposals that lie on each animal, moved a little.

    Args:
        proposals: (P, 4) xyxy.
        animals: (A, 4) xyxy, at least one.
        size: height and width of the image.
        settings: how many of each animal, and how much they are moved.
        rng: random generator.

    Returns:
        (K, 4) boxes and (K,) which animal.
    """
    overlap, owner = box_iou(proposals, animals).max(dim=1)
    order = torch.from_numpy(rng.permutation(len(proposals)))
    order = order[overlap[order] >= MIN_IOU]
    count = settings.boxes_per_animal
    picked = torch.cat([order[owner[order] == k][:count] for k in range(len(animals))])
    boxes = proposals[picked]
    noise = torch.from_numpy(rng.normal(0, settings.box_noise, boxes.shape)).float()
    moved = clip_boxes_to_image(boxes + noise * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2), size)
    whole = (moved[:, 2:] - moved[:, :2] >= 1).all(dim=1)
    return moved[whole], owner[picked][whole]


def cut_masks(masks: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
    """What fine masks should say.

    Args:
        masks: (A, h, w) uint8 of the animals.
        boxes: (K, 4) xyxy.
        owner: (K,) whose mask.

    Returns:
        (K, 1, `CELLS`, `CELLS`) bool, within the boxes that `widen` gives.
    """
    places = torch.cat([owner[:, None].to(boxes.dtype), widen(boxes)], dim=1)
    cut: Tensor = roi_align(masks[:, None].float(), places, CELLS, sampling_ratio=2, aligned=True)
    return cut >= 0.5


def compute_losses(model: nn.Module, batch: Sequence[Sample]) -> dict[str, Tensor]:
    """Cross-entropy and overlap of fine masks."""
    fine_masks = model.get_submodule("fine_masks")
    device = next(fine_masks.parameters()).device
    pixels, seen, guesses, wanted = (torch.stack(part).to(device) for part in zip(*batch, strict=True))
    logits = fine_masks(pixels.contiguous(memory_format=torch.channels_last), seen, guesses)
    return {
        "loss_mask": F.binary_cross_entropy_with_logits(logits, wanted),
        "loss_overlap": compute_overlap_loss(logits, wanted),
    }


def compute_overlap_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """1 - the Jaccard index of soft masks, the mean over (K, 1, H, W) logits and masks of 0 and 1.

    Cross-entropy alone leaves out what is thin and unsure, as legs behind grass; by overlap they count.

    Reference: Rahman & Wang 2016, Optimizing intersection-over-union in deep neural networks, section 3.
    """
    soft = logits.sigmoid()
    common = (soft * wanted).sum(dim=(1, 2, 3))
    either = (soft + wanted - soft * wanted).sum(dim=(1, 2, 3))
    return (1 - (common + 1) / (either + 1)).mean()
