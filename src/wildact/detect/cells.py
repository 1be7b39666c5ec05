"""A feature pyramid as one table with a row for each cell, and weighted sums of its rows.

Sampling between cells is a sum of four rows, and aggregating twenty warped frames one of eighty: both are
what ``embedding_bag`` does, a kernel made for sums of scattered rows. No warped copy of a pyramid is ever
written, which is what makes a whole window of frames cost a small part of one pass through the backbone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from wildact.detect.warp import resize_to_levels

LEVELS = ("0", "1", "2", "3")
"""Levels that are aggregated; ``pool`` is made of the last one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the cells of all levels are in a table of P rows, level after level, line after line.

    Attributes:
        sizes: height and width of each level, finest first.
        place: (P, 2) float, x and y of each cell on its level.
        last: (P, 2) float, x and y of the last cell of its level.
        first_row: (P, 1) float, row of the first cell of its level.
        width: (P, 1) float, cells in a line of its level.
        steps: (P, 1, 4) int32, from a row to those of the same cell, the next to the right, below, and both.
    """

    sizes: tuple[tuple[int, int], ...]
    place: Tensor
    last: Tensor
    first_row: Tensor
    width: Tensor
    steps: Tensor

    @classmethod
    def of(cls, features: Mapping[str, Tensor]) -> Layout:
        """The layout of a pyramid of (N, C, H, W) maps."""
        device = features[LEVELS[0]].device
        sizes = tuple(map_size(features[name]) for name in LEVELS)
        counts = torch.tensor([h * w for h, w in sizes])
        of_level = torch.repeat_interleave(torch.arange(len(sizes)), counts)
        first_row = (counts.cumsum(0) - counts)[of_level, None]
        width = torch.tensor([w for _, w in sizes])[of_level, None]
        last = torch.tensor([(w - 1, h - 1) for h, w in sizes])[of_level]
        within = torch.arange(len(of_level))[:, None] - first_row
        right, below = last[:, :1].clamp(max=1), width * last[:, 1:].clamp(max=1)
        steps = torch.cat([torch.zeros_like(right), right, below, right + below], dim=1)
        return cls(
            sizes=sizes,
            place=torch.cat([within % width, within // width], dim=1).float().to(device),
            last=last.float().to(device),
            first_row=first_row.float().to(device),  # exact up to 2**24 rows
            width=width.float().to(device),
            steps=steps.int()[:, None].to(device),
        )

    def __len__(self) -> int:
        return len(self.place)

    def to_rows(self, features: Mapping[str, Tensor]) -> Tensor:
        """Maps (N, C, H, W) of all levels to (N, P, C)."""
        return torch.cat([features[name].permute(0, 2, 3, 1).flatten(1, 2) for name in LEVELS], dim=1)

    def to_maps(self, rows: Tensor) -> OrderedDict[str, Tensor]:
        """(N, P, C) to maps (N, C, H, W) in the memory layout of ``channels_last``, ``pool`` added."""
        parts = torch.split(rows, [h * w for h, w in self.sizes], dim=1)
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for name, part, size in zip(LEVELS, parts, self.sizes, strict=True):
            maps[name] = part.reshape(len(part), *size, -1).permute(0, 3, 1, 2)
        maps["pool"] = subsample(maps[LEVELS[-1]])
        return maps

    def flow_to_rows(self, flow: Tensor) -> Tensor:
        """Flows (J, 2, H, W) on the finest level to (2, P, J), in cells of each cell's own level."""
        levels = resize_to_levels(flow, self.sizes)
        return torch.cat([level.flatten(2) for level in levels], dim=2).permute(1, 2, 0).contiguous()

    def corners(self, flow: Tensor, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """The four cells around the place to which a flow leads, and their shares in a bilinear sample.

        Args:
            flow: (2, R, J) from each of R cells to J frames.
            rows: which R of the P cells these are.

        Returns:
            (R, J, 4) int32 rows and (R, J, 4) float shares that add up to 1.
        """
        place, last = self.place[rows], self.last[rows]
        x = torch.minimum((place[:, :1] + flow[0]).clamp_(min=0), last[:, :1])
        y = torch.minimum((place[:, 1:] + flow[1]).clamp_(min=0), last[:, 1:])
        before = (last - 1).clamp_(min=0)
        left, top = torch.minimum(x.floor(), before[:, :1]), torch.minimum(y.floor(), before[:, 1:])
        first = self.first_row[rows] + top * self.width[rows] + left
        index = first.int()[..., None] + self.steps[rows]
        right, below = x - left, y - top
        shares = torch.stack(
            [(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below], dim=-1
        )
        return index, shares


def map_size(maps: Tensor) -> tuple[int, int]:
    """Height and width of (..., H, W) maps."""
    return maps.shape[-2], maps.shape[-1]


def subsample(features: Tensor) -> Tensor:
    """The level ``pool``: every second cell of the coarsest one, as torchvision's ``LastLevelMaxPool``."""
    return F.max_pool2d(features, kernel_size=1, stride=2)


def sum_rows(table: Tensor, index: Tensor, shares: Tensor) -> Tensor:
    """Weighted sums of rows.

    Args:
        table: (rows, C).
        index: (B, n) int32 rows of each of B sums.
        shares: (B, n) their weights.

    Returns:
        (B, C).
    """
    return F.embedding_bag(index, table, per_sample_weights=shares, mode="sum")
