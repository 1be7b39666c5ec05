"""Run a Mask R-CNN on frames: uint8 images in, `Detections` in pixels of these images out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from wildact.masks import encode_cropped_mask
from wildact.types import Bool, Detections, Float32, Image, Rle
from wildact.weights import WeightCard

MASK_THRESHOLD = 0.5
"""Pixels of at least this probability belong to the animal."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A network with its weights, and what its outputs mean.

    Attributes:
        model: a torchvision ``MaskRCNN`` in evaluation mode.
        card: of the weights.
        keep: (C,) bool, which of ``card.classes`` are reported.
        device: where it runs.
    """

    model: Any  # torchvision has no types
    card: WeightCard
    keep: Bool
    device: torch.device

    @classmethod
    def from_model(
        cls, model: Any, card: WeightCard, *, device: str = "cpu", min_score: float = 0.05
    ) -> Detector:
        """Put a network into evaluation mode on a device, in the memory layout that is fastest there."""
        model.eval().requires_grad_(False)
        model.roi_heads.score_thresh = min_score
        model = model.to(device=torch.device(device), memory_format=torch.channels_last)
        keep = np.array([card.keep_classes is None or name in card.keep_classes for name in card.classes])
        return cls(model, card, keep, torch.device(device))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that `Detections.labels` index."""
        return self.card.classes


def predict_detections(detector: Detector, images: Sequence[Image]) -> list[Detections]:
    """Find the animals in images of any, also different, sizes.

    Frames are shrunk by area averaging, not by the bilinear sampling that torchvision does inside its model:
    a small animal on a 1080p frame would fall between its samples.

    Args:
        detector: see `load_detector`.
        images: each (H, W, 3) uint8 RGB.

    Returns:
        One `Detections` for each image, by falling score; boxes and masks in its pixels.
    """
    if not images:
        return []
    with torch.inference_mode():
        tensors, sizes = prepare_images(detector, images)
        batch = make_batch(detector, tensors)
        outputs = run_heads(detector.model, detector.model.backbone(batch), batch.shape, sizes)
    return [
        to_detections(output, size, image.shape[:2], detector.keep)
        for output, size, image in zip(outputs, sizes, images, strict=True)
    ]


def run_heads(
    model: Any, features: Mapping[str, Tensor], shape: Sequence[int], sizes: list[tuple[int, int]]
) -> list[dict[str, Tensor]]:
    """What RPN and heads find, in pixels of the resized images.

    Args:
        model: the network.
        features: pyramid of N images.
        shape: of their batch, (N, 3, H, W).
        sizes: of the images within the batch.
    """
    proposals, _ = model.rpn(ImageList(torch.empty(shape, device="meta"), sizes), features)
    outputs: list[dict[str, Tensor]] = model.roi_heads(features, proposals, sizes)[0]
    return outputs


def prepare_images(detector: Detector, images: Sequence[Image]) -> tuple[list[Tensor], list[tuple[int, int]]]:
    """Images of the size that the network works at, as (3, h, w) float in [0, 1]; and their sizes."""
    small = [resize_for(detector.model, image) for image in images]
    sizes = [(int(image.shape[0]), int(image.shape[1])) for image in small]
    return [_to_tensor(image, detector.device) for image in small], sizes


def make_batch(detector: Detector, tensors: Sequence[Tensor]) -> Tensor:
    """Images of `prepare_images`, normalised and padded to one (N, 3, H, W)."""
    transform = detector.model.transform
    batch: Tensor = transform.batch_images([transform.normalize(tensor) for tensor in tensors])
    return batch.contiguous(memory_format=torch.channels_last)


def resize_for(model: Any, image: Image) -> Image:
    """Bring a (H, W, 3) image to the size that the network works at, keeping its proportions."""
    height, width = image.shape[:2]
    scale = min(
        model.transform.min_size[-1] / min(height, width), model.transform.max_size / max(height, width)
    )
    if scale == 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _to_tensor(image: Image, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    return tensor.permute(2, 0, 1).float() / 255


def to_detections(
    output: dict[str, Tensor], size: tuple[int, int], original: tuple[int, ...], keep: Bool
) -> Detections:
    """Network output in pixels of the resized frame to `Detections` in pixels of the original one."""
    height, width = original[:2]
    scale = np.array([width / size[1], height / size[0]] * 2, np.float32)
    boxes = output["boxes"].cpu().numpy() * scale
    labels = output["labels"].cpu().numpy().astype(np.int64) - 1
    chosen = np.flatnonzero(keep[labels]) if len(labels) else np.zeros(0, np.int64)
    probabilities = output["masks"][:, 0].cpu().numpy()
    return Detections(
        boxes=boxes[chosen].astype(np.float32),
        scores=output["scores"].cpu().numpy().astype(np.float32)[chosen],
        labels=labels[chosen],
        masks=tuple(paste_mask(probabilities[i], boxes[i], height, width) for i in chosen),
    )


def paste_mask(probabilities: Float32, box: Float32, height: int, width: int) -> Rle:
    """Scale a mask head's output to its box and encode it at its place in the frame.

    Equal to torchvision's ``paste_masks_in_image`` up to sampling: a border of one cell of zeros lets the
    mask end within its box.

    Args:
        probabilities: (M, M) float32 in [0, 1].
        box: (4,) float32 xyxy pixels of the frame.
        height: of the frame.
        width: of the frame.
    """
    cells = probabilities.shape[0]
    padded = np.pad(probabilities, 1)
    centre = (box[:2] + box[2:]) / 2
    half = (box[2:] - box[:2]) / 2 * (cells + 2) / cells
    x1, y1 = np.floor(centre - half).astype(int)
    x2, y2 = np.ceil(centre + half).astype(int)
    w, h = max(x2 - x1, 1), max(y2 - y1, 1)
    bitmap = cv2.resize(padded, (int(w), int(h)), interpolation=cv2.INTER_LINEAR) >= MASK_THRESHOLD
    left, top = max(0, -x1), max(0, -y1)
    right, bottom = min(w, width - x1), min(h, height - y1)
    crop = bitmap[top:bottom, left:right]
    if crop.size == 0:
        return encode_cropped_mask(np.zeros((0, 0), bool), 0, 0, height, width)
    return encode_cropped_mask(crop, int(max(x1, 0)), int(max(y1, 0)), height, width)
