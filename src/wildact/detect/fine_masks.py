"""A closer look at each animal that was found: its outline, from the pixels.

The mask head of a Mask R-CNN sees an animal in 14 x 14 cells of features, the finest of which span four
pixels: legs, tails, and grass before a belly are lost. So a small U-Net looks at the picture itself, cut out
a little wider than the box, together with what the mask head saw, and its guess. It sees what the box cut
off, too.

References: Ronneberger et al. 2015, U-Net; Zhang et al. 2021, RefineMask, section 3 (masks in stages of
rising resolution).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

INNER = 56
"""Cells along each side of a box."""

MARGIN = 4
"""Cells beside it that are looked at, too."""

CELLS = INNER + 2 * MARGIN
"""Cells along each side of a fine mask."""

PIXELS = 2 * CELLS
"""Samples of the picture along each side of what is looked at."""

MASK_THRESHOLD = 0.5  # torchvision's and the paper's: a pixel is animal where the mask head says so by half

AT_ONCE = 8
"""So many boxes are looked at together. For each other number of them oneDNN would keep convolutions of its
own in memory, in all some 500 MB."""

SURE = 1e-3  # the mask head's probabilities are kept so far from 0 and 1: their logits stay finite


class FineMasks(nn.Module):
    """A U-Net over what lies in and around boxes; it corrects the logits of the mask head."""

    def __init__(self, channels: int, *, width: int = 16) -> None:
        """Untrained: with a last layer of zeros, it leaves the mask head's guess as it is.

        Args:
            channels: of the mask head.
            width: channels at half the resolution of the pixels; doubled at each of two steps down.
        """
        super().__init__()
        fine, middle, deep = width, 2 * width, 4 * width
        self.down1 = _conv(3, fine, 2)
        self.down2 = nn.Sequential(_conv(fine + 1, middle, 2), _conv(middle, middle))
        self.down3 = nn.Sequential(_conv(middle, deep, 2), _conv(deep, deep))
        self.joint = nn.Conv2d(channels, deep, 1)
        self.deepest = nn.Sequential(_conv(deep, deep), _conv(deep, deep))
        self.up2 = _conv(deep + middle, 3 * width)
        self.up1 = _conv(3 * width + fine + 1, 3 * width // 2)
        self.last = nn.Conv2d(3 * width // 2, 1, 3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pixels: Tensor, seen: Tensor, guess: Tensor) -> Tensor:
        """Fine masks of D boxes.

        Args:
            pixels: (D, 3, `PIXELS`, `PIXELS`) normalised, of `cut_pixels`.
            seen: (D, C, 14, 14) of the mask head, of what lies within the boxes.
            guess: (D, 1, M, M) probabilities of the mask head.

        Returns:
            (D, 1, `CELLS`, `CELLS`) logits, within the boxes that `widen` gives.
        """
        placed = self._place(guess)
        at2 = self.down1(pixels)
        at4 = self.down2(torch.cat([at2, placed], dim=1))
        at8 = self.down3(at4) + self.joint(F.pad(seen, (MARGIN // 4,) * 4))
        at8 = at8 + self.deepest(at8)
        up = self.up2(torch.cat([_double(at8), at4], dim=1))
        up = self.up1(torch.cat([_double(up), at2, placed], dim=1))
        logits: Tensor = self.last(up) + placed
        return logits

    def _place(self, probabilities: Tensor) -> Tensor:
        """(D, 1, M, M) probabilities within boxes to (D, 1, `CELLS`, `CELLS`) logits around them."""
        logits = torch.logit(probabilities.float(), eps=SURE)
        inner = F.interpolate(logits, INNER, mode="bilinear")
        return F.pad(inner, (MARGIN,) * 4, value=float(torch.logit(torch.tensor(SURE))))


def look_closely(
    model: Any,
    batch: Tensor,
    features: Mapping[str, Tensor],
    boxes: Sequence[Tensor],
    guesses: Sequence[Tensor],
    sizes: list[tuple[int, int]],
) -> Tensor:
    """Fine masks of what a Mask R-CNN found.

    Args:
        model: with ``fine_masks``.
        batch: (N, C, H, W) normalised images, of which the first three channels are looked at.
        features: pyramid of them.
        boxes: for each image (D, 4) float32 xyxy, in pixels of the batch.
        guesses: for each image (D, 1, M, M) probabilities of the mask head.
        sizes: of the images within the batch.

    Returns:
        (all D, 1, `CELLS`, `CELLS`) logits, within the boxes that `widen` gives.
    """
    heads = model.roi_heads
    parts = (
        cut_pixels(batch, boxes),
        heads.mask_roi_pool(features, list(boxes), sizes),
        torch.cat(list(guesses)),
    )
    looks = zip(*(torch.split(part, AT_ONCE) for part in parts), strict=True)
    logits = [model.fine_masks(pixels, heads.mask_head(seen), guess) for pixels, seen, guess in looks]
    return torch.cat(logits)


def cut_pixels(batch: Tensor, boxes: Sequence[Tensor]) -> Tensor:
    """What lies in and around boxes.

    Args:
        batch: (N, C, H, W), of which the first three channels are cut.
        boxes: for each image (D, 4) float32 xyxy.

    Returns:
        (all D, 3, `PIXELS`, `PIXELS`), within the boxes that `widen` gives.
    """
    around = [widen(part) for part in boxes]
    cut: Tensor = roi_align(batch[:, :3].contiguous(), around, PIXELS, sampling_ratio=2, aligned=True)
    return cut.contiguous(memory_format=torch.channels_last)


def _conv(channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, out_channels, 3, stride, padding=1), nn.ReLU(inplace=True))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def widen(boxes: Tensor) -> Tensor:
    """(D, 4) xyxy boxes with `MARGIN` cells more on each side; they may reach beyond the image."""
    margin = (boxes[:, 2:] - boxes[:, :2]) * (MARGIN / INNER)
    return torch.cat([boxes[:, :2] - margin, boxes[:, 2:] + margin], dim=1)


def apply_fine_masks(
    outputs: Sequence[Mapping[str, Tensor]], probabilities: Tensor, min_score: float
) -> list[dict[str, Tensor]]:
    """What was found, with finer masks, and with scores that say how sure these are, too.

    The boxes stay: moved to where masks end they fit better, but less steadily from frame to frame, and
    animals were followed worse.

    Args:
        outputs: torchvision's dict of each image.
        probabilities: (all D, 1, `CELLS`, `CELLS`) of their detections.
        min_score: what scores less, in the end, is left out.

    Returns:
        The same dicts, by falling score, which is the square root of `rate_masks` times what it was;
        ``masks`` (D, 1, `CELLS`, `CELLS`) lie within ``mask_boxes`` (D, 4).
    """
    parts = torch.split(probabilities, [len(output["boxes"]) for output in outputs])
    results = []
    for output, part in zip(outputs, parts, strict=True):
        scores = output["scores"] * rate_masks(part).sqrt()
        better = {**output, "scores": scores, "masks": part, "mask_boxes": widen(output["boxes"])}
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] >= min_score]
        results.append({name: value[order] for name, value in better.items()})
    return results


def rate_masks(probabilities: Tensor) -> Tensor:
    """How sure masks are of themselves: the mean probability within their outlines; 0 for an empty mask.

    Args:
        probabilities: (D, 1, M, M).

    Returns:
        (D,) in [0, 1].

    Reference:
        Wang et al. 2021, SOLO: A Simple Framework for Instance Segmentation ("maskness").
    """
    inside = probabilities >= MASK_THRESHOLD
    total = (probabilities * inside).sum(dim=(1, 2, 3))
    return total / inside.sum(dim=(1, 2, 3)).clamp_min(1)
