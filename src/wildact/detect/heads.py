"""From features to what is found: proposals, moved to where the animal is seen, judged, and masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import clip_boxes_to_image

from wildact.detect.fine_masks import apply_fine_masks, look_closely


def run_heads(
    model: Any, features: Mapping[str, Tensor], batch: Tensor, sizes: list[tuple[int, int]]
) -> list[dict[str, Tensor]]:
    """What RPN and heads find, in pixels of the resized images.

    Args:
        model: the network. Where it has ``refinements``, proposals are moved so often to where the box head
            sees an animal in them, before they are judged. Where it has ``fine_masks``, the animals that
            were found are looked at once more.
        features: pyramid of N images.
        batch: (N, 3, H, W); only its shape counts for a network without ``fine_masks``.
        sizes: of the images within the batch.
    """
    proposals, _ = model.rpn(ImageList(batch, sizes), features)
    for _ in range(getattr(model, "refinements", 0)):
        proposals = refine_proposals(model.roi_heads, features, proposals, sizes)
    outputs: list[dict[str, Tensor]] = model.roi_heads(features, proposals, sizes)[0]
    if getattr(model, "fine_masks", None) is None:
        return outputs
    boxes, guesses = [o["boxes"] for o in outputs], [o["masks"] for o in outputs]
    logits = look_closely(model, batch, features, boxes, guesses, sizes)
    return apply_fine_masks(outputs, logits.sigmoid(), model.roi_heads.score_thresh)


def refine_proposals(
    heads: Any, features: Mapping[str, Tensor], proposals: list[Tensor], sizes: list[tuple[int, int]]
) -> list[Tensor]:
    """Move each proposal to the box that the head would give it for the likeliest kind of animal.

    A proposal of a part, as the half of a deer on one side of a trunk, is judged by what that part looks
    like. Seen once more from the better place, the whole animal scores higher. It needs no training,
    but heads that learned from moved proposals (``refined`` of a recipe) judge them better.

    Reference: Gidaris & Komodakis 2015, Object detection via a multi-region and semantic segmentation-aware
    CNN model, section 4 (iterative localization).

    Args:
        heads: torchvision's ``RoIHeads``.
        features: pyramid of N images.
        proposals: for each image (P, 4) float32 xyxy.
        sizes: of the images within the batch.

    Returns:
        For each image (P, 4) float32 xyxy within it.
    """
    seen = heads.box_head(heads.box_roi_pool(features, proposals, sizes))
    logits, shifts = heads.box_predictor(seen)
    return move_proposals(heads, logits, shifts, proposals, sizes)


def move_proposals(
    heads: Any, logits: Tensor, shifts: Tensor, proposals: list[Tensor], sizes: list[tuple[int, int]]
) -> list[Tensor]:
    """Proposals where the box head's answer for the likeliest kind of animal puts them.

    Args:
        heads: torchvision's ``RoIHeads``.
        logits: (P, C) of all images' proposals, 0 is the background; or other scores of the same order.
        shifts: (P, 4 C) of their boxes.
        proposals: for each image (P, 4) float32 xyxy.
        sizes: of the images within the batch.

    Returns:
        For each image (P, 4) float32 xyxy within it.
    """
    boxes = heads.box_coder.decode(shifts, proposals)  # (all P, C, 4)
    likeliest = logits[:, 1:].argmax(1) + 1
    chosen = boxes[torch.arange(len(boxes), device=boxes.device), likeliest]
    parts = chosen.split([len(part) for part in proposals])
    return [clip_boxes_to_image(part, size) for part, size in zip(parts, sizes, strict=True)]
