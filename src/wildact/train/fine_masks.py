"""What fine masks learn from: animals in boxes as the network itself places them, some a little off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import maskrcnn_inference
from torchvision.ops import box_iou, clip_boxes_to_image, roi_align

from wildact.detect.fine_masks import CELLS, widen
from wildact.detect.heads import refine_proposals

BOXES_PER_ANIMAL = 6
"""More boxes of one animal look nearly the same."""

MIN_IOU = 0.4
"""Boxes that overlap an animal less are of something else; those at 0.5 are where it matters most."""

BOX_NOISE = 0.05
"""Standard deviation by which their borders are moved, as a share of the side: on pictures that the network
was trained on it places its boxes better than elsewhere."""

Target = Mapping[str, Tensor]


def learns_fine_masks_only(network: Any) -> bool:
    """Whether a Mask R-CNN has fine masks, and everything else is frozen."""
    fine = getattr(network, "fine_masks", None) is not None
    return fine and all(
        name.startswith("fine_masks.") for name, p in network.named_parameters() if p.requires_grad
    )


def compute_fine_loss(network: Any, images: ImageList, targets: Sequence[Target]) -> Tensor:
    """Cross-entropy and overlap of fine masks, in boxes near to where the network finds animals.

    Args:
        network: a torchvision ``MaskRCNN`` with ``fine_masks``, of which all else is frozen.
        images: N, normalised.
        targets: torchvision's.

    Returns:
        A number; 0, with gradients of 0, where there is no animal.
    """
    heads, sizes = network.roi_heads, images.image_sizes
    with torch.no_grad():
        features = network.backbone(images.tensors)
        proposals = network.rpn.eval()(images, features)[0]  # as many as in an analysis
        for _ in range(max(network.refinements, 1)):
            proposals = refine_proposals(heads, features, proposals, sizes)
    chosen = [choose_boxes(p, t["boxes"], size) for p, t, size in zip(proposals, targets, sizes, strict=True)]
    boxes, owners = [part for part, _ in chosen], [owner for _, owner in chosen]
    if sum(map(len, boxes)) == 0:
        return _nothing(network)
    with torch.no_grad():
        labels = [target["labels"][owner] for target, owner in zip(targets, owners, strict=True)]
        seen = heads.mask_head(heads.mask_roi_pool(features, boxes, sizes))
        guesses = maskrcnn_inference(heads.mask_predictor(seen), labels)
        masks = [target["masks"] for target in targets]
        wanted = torch.cat([cut_masks(*one) for one in zip(masks, boxes, owners, strict=True)])
    logits = network.fine_masks(images.tensors, features, boxes, guesses, sizes)
    loss: Tensor = F.binary_cross_entropy_with_logits(logits, wanted) + compute_overlap_loss(logits, wanted)
    return loss


def _nothing(network: Any) -> Tensor:
    """0, of which each weight is a part: processes that train together wait for each other's gradients."""
    return torch.stack([(parameter * 0).sum() for parameter in network.fine_masks.parameters()]).sum()


def choose_boxes(proposals: Tensor, animals: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Some of the proposals that lie on each animal.

    Args:
        proposals: (P, 4) xyxy.
        animals: (A, 4) xyxy.
        size: height and width of the image.

    Returns:
        (K, 4) boxes, at most `BOXES_PER_ANIMAL` of each animal, and (K,) which animal.
    """
    if len(animals) == 0 or len(proposals) == 0:
        return proposals[:0], torch.zeros(0, dtype=torch.int64, device=proposals.device)
    overlap, owner = box_iou(proposals, animals).max(dim=1)
    order = torch.randperm(len(proposals)).to(proposals.device)
    order = order[overlap[order] >= MIN_IOU]
    picked = torch.cat([order[owner[order] == k][:BOXES_PER_ANIMAL] for k in range(len(animals))])
    boxes = proposals[picked]
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    moved = clip_boxes_to_image(boxes + torch.randn_like(boxes) * BOX_NOISE * sides, size)
    whole = (moved[:, 2:] - moved[:, :2] >= 1).all(dim=1)
    return moved[whole], owner[picked][whole]


def cut_masks(masks: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
    """What fine masks should say.

    Args:
        masks: (A, h, w) uint8 of the animals.
        boxes: (K, 4) xyxy.
        owner: (K,) whose mask.

    Returns:
        (K, 1, `CELLS`, `CELLS`) float32 of 0 and 1, within the boxes that `widen` gives.
    """
    places = torch.cat([owner[:, None].to(boxes.dtype), widen(boxes)], dim=1)
    cut: Tensor = roi_align(masks[:, None].float(), places, output_size=CELLS, sampling_ratio=2, aligned=True)
    return (cut >= 0.5).float()


def compute_overlap_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """1 - the Jaccard index of soft masks, the mean over (K, 1, H, W) logits and masks of 0 and 1.

    Cross-entropy alone leaves out what is thin and unsure, as legs behind grass; by overlap they count.

    Reference: Rahman & Wang 2016, Optimizing intersection-over-union in deep neural networks, section 3.
    """
    soft = logits.sigmoid()
    common = (soft * wanted).sum(dim=(1, 2, 3))
    either = (soft + wanted - soft * wanted).sum(dim=(1, 2, 3))
    return (1 - (common + 1) / (either + 1)).mean()
