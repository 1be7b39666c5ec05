"""Look at frames and at their mirror images, and judge each proposal by what is seen in both.

A network that is small is unsure of what is half hidden, and sees it a little differently in the mirror. The
mean of both views is surer than either: that costs a second pass through the network, and no training.

Reference: mirrored images as test-time augmentation; He et al. 2017, appendix B, average them for Mask R-CNN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import maskrcnn_inference

from wildact.detect.fine_masks import apply_fine_masks, look_closely
from wildact.detect.heads import move_proposals

Sizes = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class View:
    """N images as the network sees them, as they are or mirrored.

    Attributes:
        batch: (N, 3, H, W).
        features: pyramid of the images.
        mirrored: whether left is right.
    """

    batch: Tensor
    features: Mapping[str, Tensor]
    mirrored: bool

    def place(self, boxes: Sequence[Tensor], sizes: Sizes) -> list[Tensor]:
        """Where boxes of the images lie in this view, or the other way round: (P, 4) xyxy of each image."""
        if not self.mirrored:
            return list(boxes)
        return [mirror_boxes(part, width) for part, (_, width) in zip(boxes, sizes, strict=True)]


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """(P, 4) xyxy boxes of an image, as they lie in its mirror image of the same width."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)


def run_mirrored(model: Any, batch: Tensor, mirrored: Tensor, sizes: Sizes) -> list[dict[str, Tensor]]:
    """What a Mask R-CNN finds when it sees images in both ways.

    Both views propose places; in both each is judged, and class probabilities, box shifts and mask
    probabilities are averaged.

    Args:
        model: a torchvision ``MaskRCNN``.
        batch: (N, 3, H, W), as of `wildact.detect.predict.make_batch`.
        mirrored: the same of the mirrored images, padded to the right and below, too.
        sizes: of the images within the batch.

    Returns:
        As `wildact.detect.heads.run_heads`.
    """
    views = (
        View(batch, model.backbone(batch), False),
        View(mirrored, model.backbone(mirrored), True),
    )
    heads = model.roi_heads
    proposed = [view.place(model.rpn(ImageList(batch, sizes), view.features)[0], sizes) for view in views]
    proposals = [torch.cat(parts) for parts in zip(*proposed, strict=True)]
    for _ in range(getattr(model, "refinements", 0)):
        proposals = move_proposals(heads, *_judge(heads, views, proposals, sizes), proposals, sizes)
    logits, shifts = _judge(heads, views, proposals, sizes)
    boxes, scores, labels = heads.postprocess_detections(logits, shifts, proposals, sizes)
    masks = _mask(heads, views, boxes, labels, sizes)
    outputs = [
        {"boxes": b, "scores": s, "labels": c, "masks": m}
        for b, s, c, m in zip(boxes, scores, labels, masks, strict=True)
    ]
    if getattr(model, "fine_masks", None) is None:
        return outputs
    return apply_fine_masks(outputs, _mask_finely(model, views, boxes, masks, sizes), heads.score_thresh)


def _judge(
    heads: Any, views: Sequence[View], proposals: Sequence[Tensor], sizes: Sizes
) -> tuple[Tensor, Tensor]:
    """Of all images' proposals (P, C) logarithms of mean class probabilities, (P, 4 C) mean box shifts."""
    probabilities, shifts = [], []
    for view in views:
        seen = heads.box_head(heads.box_roi_pool(view.features, view.place(proposals, sizes), sizes))
        logits, shift = heads.box_predictor(seen)
        if view.mirrored:
            shift = shift * shift.new_tensor([-1, 1, 1, 1]).repeat(shift.shape[1] // 4)
        probabilities.append(logits.softmax(dim=1))
        shifts.append(shift)
    floor = torch.finfo(probabilities[0].dtype).tiny
    return torch.stack(probabilities).mean(dim=0).clamp_min(floor).log(), torch.stack(shifts).mean(dim=0)


def _mask(
    heads: Any, views: Sequence[View], boxes: Sequence[Tensor], labels: list[Tensor], sizes: Sizes
) -> list[Tensor]:
    """For each image (D, 1, M, M) mean mask probabilities of its boxes."""
    answers = []
    for view in views:
        seen = heads.mask_head(heads.mask_roi_pool(view.features, view.place(boxes, sizes), sizes))
        masks = maskrcnn_inference(heads.mask_predictor(seen), labels)
        answers.append([mask.flip(-1) if view.mirrored else mask for mask in masks])
    return [torch.stack(parts).mean(dim=0) for parts in zip(*answers, strict=True)]


def _mask_finely(
    model: Any, views: Sequence[View], boxes: Sequence[Tensor], guesses: Sequence[Tensor], sizes: Sizes
) -> Tensor:
    """(all D, 1, M, M) mean probabilities of fine masks."""
    answers = []
    for view in views:
        seen = [guess.flip(-1) if view.mirrored else guess for guess in guesses]
        logits = look_closely(model, view.batch, view.features, view.place(boxes, sizes), seen, sizes)
        answers.append((logits.flip(-1) if view.mirrored else logits).sigmoid())
    return torch.stack(answers).mean(dim=0)
