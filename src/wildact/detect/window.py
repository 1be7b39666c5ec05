"""The frames around the current one: their features, the flow between them, and what they say together.

Features and embeddings lie in tables (`wildact.detect.cells`) with a fixed number of places, which frames
take in turn. How the flow from the current frame to another one is found is a choice between exactness and
price:

- ``pairwise``: each pair of frames by itself, 2K flows for each frame. The reference.
- ``chained``: flows between neighbouring frames only, two for each frame, composed along the window.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from wildact.detect.aggregate import aggregate_rows
from wildact.detect.cells import LEVELS, Layout
from wildact.detect.fgfa import FlowGuidedMaskRCNN
from wildact.detect.warp import chain_flows
from wildact.errors import UsageError


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Which frames help the current one, and how what moved between them is found.

    Attributes:
        radius: K, frames before and after.
        step: every so many of them helps: of 10 with a step of 3 the first, fourth, seventh and tenth.
        flow: ``chained`` or ``pairwise``.
        still: cells of which no helping frame differs by so many grey levels keep the current frame's
            features, as they do not move: the background of a fixed camera. 0: all cells are aggregated.
    """

    radius: int = 10
    step: int = 3
    flow: Literal["chained", "pairwise"] = "chained"
    still: float = 0.0

    def __post_init__(self) -> None:
        if self.radius < 0 or self.step < 1 or self.still < 0:
            raise UsageError("a window's radius and 'still' are 0 or more, and its step is 1 or more.")
        if self.flow not in ("chained", "pairwise"):
            raise UsageError(f"the flow of a window is 'chained' or 'pairwise', not '{self.flow}'.")


class FeatureWindow:
    """What is kept of the last frames; frame numbers count what was pushed, from 0."""

    def __init__(self, model: FlowGuidedMaskRCNN, settings: WindowSettings, *, spare: int = 0) -> None:
        """An empty window.

        Args:
            model: in evaluation mode.
            settings: which frames help.
            spare: places beyond the window: frames pushed together less one.
        """
        self.model, self.settings = model, settings
        self.places = 2 * settings.radius + 1 + spare
        self.pushed = 0
        self._images: OrderedDict[int, Tensor] = OrderedDict()
        self._flows: dict[tuple[int, int], Tensor] = {}

    def push(self, batch: Tensor, images: list[Tensor]) -> None:
        """Take in the next frames, at most ``spare + 1`` of them.

        Args:
            batch: (N, 3, H, W) as the backbone wants it.
            images: N of (3, h, w) RGB in [0, 1], not padded.
        """
        features = self.model.backbone(batch)
        if self.pushed == 0:
            self._allocate(batch, features)
        rows, embedded = self.layout.to_rows(features), self.layout.to_rows(self.model.embed(features))
        stacked = torch.stack(images)
        prepared = self.model.prepare_flow(stacked, (self.shape[1], self.shape[2]))
        for k in range(len(batch)):
            place = self.pushed % self.places
            self.features[place], self.embeddings[place] = rows[k], embedded[k]
            self._images[self.pushed] = prepared[k : k + 1]
            if self.settings.still:
                self.grey[place] = self._shrink(stacked[k : k + 1])
            self.pushed += 1
        self._forget()

    def _allocate(self, batch: Tensor, features: OrderedDict[str, Tensor]) -> None:
        channels, embedded = features[LEVELS[0]].shape[1], self.model.embedding.out_channels
        self.shape = tuple(batch.shape[1:])
        self.layout = Layout.of(features)
        self.features = batch.new_empty(self.places, len(self.layout), channels)
        self.embeddings = batch.new_empty(self.places, len(self.layout), embedded)
        self.grey = batch.new_empty(self.places if self.settings.still else 0, *self.layout.sizes[0])

    def _forget(self) -> None:
        """Let go of what lies behind the window of the frames still to come out."""
        oldest = self.pushed - self.places
        for number in [n for n in self._images if n < oldest]:
            del self._images[number]
        for pair in [pair for pair in self._flows if min(pair) < oldest]:
            del self._flows[pair]

    def shape_of(self, count: int) -> Tensor:
        """Something of the shape (count, 3, H, W), without values."""
        return self.features.new_empty(1).expand(count, *self.shape)

    def aggregate(self, numbers: Sequence[int]) -> OrderedDict[str, Tensor]:
        """The features of frames, helped by those around them.

        Args:
            numbers: of the frames; the window around each was pushed, as far as the video reaches, and at
                most ``spare`` frames more.

        Returns:
            The pyramid, (N, C, H, W) each.
        """
        return self.layout.to_maps(torch.stack([self._aggregate(number) for number in numbers]))

    def _aggregate(self, current: int) -> Tensor:
        """(P, C) of one frame."""
        others = self._others(current)
        chosen = self._moving(current, others) if self.settings.still and others else None
        if not others or (chosen is not None and len(chosen) == 0):
            return self.features[current % self.places]
        find = self._chain if self.settings.flow == "chained" else self._pairs
        return aggregate_rows(
            self.features,
            self.embeddings,
            self.layout,
            self.layout.flow_to_rows(find(current, others)),
            current=current % self.places,
            others=[other % self.places for other in others],
            chosen=chosen,
        )

    def _others(self, current: int) -> list[int]:
        """Numbers of the frames that help, those before first, each direction from the near to the far."""
        reach = range(1, self.settings.radius + 1, self.settings.step)
        around = [current - k for k in reach] + [current + k for k in reach]
        return [number for number in around if 0 <= number < self.pushed]

    def _pairs(self, current: int, others: list[int]) -> Tensor:
        """(J, 2, H, W) from the current frame to each of the others, found directly."""
        image = self._images[current]
        return self.model.find_flow(
            image.expand(len(others), *image.shape[1:]),
            torch.cat([self._images[other] for other in others]),
            self.layout.sizes[0],
        )

    def _chain(self, current: int, others: list[int]) -> Tensor:
        """The same, composed of flows from frame to frame."""
        found = chain_flows(self._step, current, others)
        return torch.cat([found[other] for other in others])

    def _step(self, start: int, end: int) -> Tensor:
        """(1, 2, H, W) between neighbouring frames, found once."""
        if (start, end) not in self._flows:
            images = self._images[start], self._images[end]
            self._flows[start, end] = self.model.find_flow(*images, self.layout.sizes[0])
        return self._flows[start, end]

    def _moving(self, current: int, others: list[int]) -> Tensor:
        """(R,) rows of cells that look different on any of the other frames, or lie beside such a cell."""
        grey = self.grey[[other % self.places for other in others]] - self.grey[current % self.places]
        moved = (grey.abs().amax(dim=0) >= self.settings.still).float()[None, None]
        levels = []
        for size in self.layout.sizes:
            moved = F.adaptive_max_pool2d(moved, size)
            levels.append(F.max_pool2d(moved, 3, stride=1, padding=1).flatten())
        return torch.cat(levels).nonzero()[:, 0]

    def _shrink(self, image: Tensor) -> Tensor:
        """(H, W) grey levels of a frame on the finest level's grid, smoothed against noise."""
        padding = (0, self.shape[2] - image.shape[3], 0, self.shape[1] - image.shape[2])
        padded = F.pad(image.mean(dim=1, keepdim=True), padding, mode="replicate")
        small = F.interpolate(padded, self.layout.sizes[0], mode="area")
        return 255 * F.avg_pool2d(small, 3, stride=1, padding=1, count_include_pad=False)[0, 0]
