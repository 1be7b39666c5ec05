"""Copy-paste: animals of other frames of a video are pasted into a frame, so that each teaches more.

A camera that does not move sees all its frames in the same light and from the same place: an animal that is
moved along its row of pixels stands as far away as before, and looks as if it belonged there.

Reference: Ghiasi et al. 2021, Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation. Unlike there, frames of one video are mixed, and nothing is scaled or blended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wildact.types import Bool, Image

MAX_PASTED = 3
"""At most so many animals are pasted: more would mostly hide each other."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A frame with the animals that are visible on it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        masks: (N, H, W) bool.
        labels: of the N animals.
    """

    image: Image
    masks: Bool
    labels: Sequence[int]


def paste_animals(frame: Labelled, others: Sequence[Labelled], rng: Generator) -> Labelled:
    """Paste one to `MAX_PASTED` animals of other frames into a frame, in front of those that it has.

    Each is moved to the left or right by up to half of the width, and mirrored by half. What it covers of the
    frame's own animals is taken out of their masks; an animal that leaves the picture is cut off.

    Args:
        frame: to paste into; is not changed.
        others: of the same video, of the same size.
        rng: random generator.

    Returns:
        The frame with the animals that it had, in their order, and the pasted ones after them. The frame
        itself where the others have no animals.
    """
    donors = [(other, k) for other in others for k in range(len(other.labels))]
    if not donors:
        return frame
    image, masks, labels = frame.image.copy(), list(frame.masks), list(frame.labels)
    count = min(len(donors), int(rng.integers(1, MAX_PASTED + 1)))
    width = image.shape[1]
    for number in rng.choice(len(donors), count, replace=False):
        other, k = donors[number]
        picture, mask = other.image, other.masks[k]
        if rng.random() < 0.5:
            picture, mask = picture[:, ::-1], mask[:, ::-1]
        shift = int(rng.integers(-(width // 2), width // 2 + 1))
        target, source = _overlap(shift, width)
        pasted, arriving = np.zeros_like(mask), mask[:, source]
        pasted[:, target] = arriving
        image[:, target][arriving] = picture[:, source][arriving]
        masks = [own & ~pasted for own in masks] + [pasted]
        labels.append(other.labels[k])
    return Labelled(image, np.array(masks), labels)


def _overlap(shift: int, width: int) -> tuple[slice, slice]:
    """Columns of a picture, and which of the same picture come there when it is moved to the right."""
    return slice(max(0, shift), width + min(0, shift)), slice(max(0, -shift), width - max(0, shift))
