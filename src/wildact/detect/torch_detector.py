"""Run a Mask R-CNN on images and frames: uint8 images in, `Detections` in their pixels out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from wildact.detect.detector import check_image, want_all
from wildact.masks import encode_cropped_mask
from wildact.types import Bool, Detections, Float32, Frame, Image, Rle
from wildact.weights import WeightCard

MASK_THRESHOLD = 0.5
"""Pixels of at least this probability belong to the object. Reference: He et al. 2017, section 3.1."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TorchDetector:
    """A `wildact.detect.mask_rcnn.MaskRCNN` as a `wildact.detect.Detector`.

    Attributes:
        model: in evaluation mode.
        card: of the weights.
        keep: (C,) bool, which of ``card.classes`` are reported.
        device: where the model runs.
        batch_size: frames per pass through the network.
        temporal: see `wildact.detect.Detector`.
    """

    model: Any  # torchvision has no types
    card: WeightCard
    keep: Bool
    device: torch.device
    batch_size: int = 1
    temporal: bool = False

    @classmethod
    def from_model(
        cls, model: Any, card: WeightCard, *, device: str = "cpu", min_score: float = 0.05, **settings: Any
    ) -> Self:
        """Return a detector with a copy of a model; the model itself stays as it is.

        Args:
            model: with its weights.
            card: of the weights.
            device: ``cpu``, ``cuda``, ``cuda:1``, ...
            min_score: detections below it are not returned.
            **settings: other attributes, e.g. ``batch_size``.
        """
        model = copy.deepcopy(model).eval().requires_grad_(False)
        model.roi_heads.score_thresh = min_score
        model = model.to(device=torch.device(device), memory_format=torch.channels_last)
        keep = np.array([card.keep_classes is None or name in card.keep_classes for name in card.classes])
        return cls(model, card, keep, torch.device(device), **settings)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that `Detections.labels` index."""
        return self.card.classes

    def __call__(self, image: Image) -> Detections:
        """Find objects in one (H, W, 3) uint8 RGB image; see `wildact.detect.Detector`."""
        (found,) = self.predict([image])
        return found

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Find objects in images of any, also different, sizes."""
        with torch.inference_mode():
            outputs = self.model([self.to_tensor(image) for image in images]) if images else []
        return [
            self.to_detections(output, image.shape[:2]) for output, image in zip(outputs, images, strict=True)
        ]

    def stream(
        self, frames: Iterable[Frame], *, wanted: Callable[[Frame], bool] = want_all
    ) -> Iterator[tuple[Frame, Detections]]:
        """Find objects on the wanted frames of a video; see `wildact.detect.Detector`."""
        for batch in split_batches(filter(wanted, frames), self.batch_size):
            yield from zip(batch, self.predict([frame.image for frame in batch]), strict=True)

    def to_tensor(self, image: Image) -> Tensor:
        """Return an (H, W, 3) uint8 image as (3, H, W) float32 in [0, 1] on the detector's device.

        Raises:
            ValueError: for an array of another shape or dtype.
        """
        check_image(image)
        return torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1).float() / 255

    def to_detections(self, output: dict[str, Tensor], size: tuple[int, ...]) -> Detections:
        """Return the model's output for an image of this height and width, without unreported classes."""
        height, width = size
        labels = output["labels"].cpu().numpy().astype(np.int64) - 1
        chosen = np.flatnonzero(self.keep[labels]) if len(labels) else np.zeros(0, np.int64)
        boxes = output["boxes"].cpu().numpy().astype(np.float32)[chosen]
        probabilities = output["masks"][:, 0].float().cpu().numpy()[chosen]
        return Detections(
            boxes=boxes,
            scores=output["scores"].cpu().numpy().astype(np.float32)[chosen],
            labels=labels[chosen],
            masks=tuple(
                paste_mask(mask, box, height, width) for mask, box in zip(probabilities, boxes, strict=True)
            ),
        )


def split_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of ``size`` items; the last may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def paste_mask(probabilities: Float32, box: Float32, height: int, width: int) -> Rle:
    """Scale a mask to its box, and encode it at its place in the frame.

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
