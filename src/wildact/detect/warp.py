"""Feature maps moved by optical flow.

A flow is (N, 2, H, W) float in cells of its own grid, channel 0 to the right and 1 down. It leads from the
current frame to another one: what is seen at ``p`` of the current frame is at ``p + flow(p)`` of the other.
Beyond the border the value at the border is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Bring another frame's features to where they are seen on the current one.

    Args:
        features: (N, C, H, W) of the other frame.
        flow: (N, 2, H, W) from the current frame to the other one, cells of this grid.

    Returns:
        (N, C, H, W), differentiable in both.
    """
    height, width = flow.shape[-2:]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    # the convention without aligned corners: -1 and 1 are the outer edges of the first and the last cell
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    return F.grid_sample(features, grid, padding_mode="border", align_corners=False)


def compose(first: Tensor, second: Tensor) -> Tensor:
    """The flow from a to c, made of that from a to b and that from b to c; all (N, 2, H, W)."""
    return first + warp(second, first)


def chain_flows(step: Callable[[int, int], Tensor], current: int, others: Sequence[int]) -> dict[int, Tensor]:
    """The flow from a frame to others, composed of flows between neighbouring frames.

    Args:
        step: gives the flow (N, 2, H, W) from a frame to the one before or after it, by their numbers.
        current: number of the frame where all begin.
        others: numbers of other frames, at least one.

    Returns:
        Number to the flow from ``current``, for all frames as far as the outermost of ``others``.
    """
    found: dict[int, Tensor] = {}
    for direction, last in ((-1, min(others)), (1, max(others))):
        flow: Tensor | None = None
        for number in range(current, last, direction):
            between = step(number, number + direction)
            flow = between if flow is None else compose(flow, between)
            found[number + direction] = flow
    return found


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """A flow on a grid of another size, in cells of that grid; each axis has a factor of its own.

    Args:
        flow: (N, 2, H, W).
        size: height and width of the new grid; where it is coarser, cells are averaged.
    """
    height, width = flow.shape[-2:]
    if (height, width) == size:
        return flow
    coarser = size[0] <= height and size[1] <= width
    resized = (
        F.interpolate(flow, size, mode="area")
        if coarser
        else F.interpolate(flow, size, mode="bilinear", align_corners=False)
    )
    return resized * flow.new_tensor([size[1] / width, size[0] / height]).view(1, 2, 1, 1)


def resize_to_levels(flow: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """A flow on the grids of a pyramid's levels, finest first, each made of the one before.

    Args:
        flow: (N, 2, H, W).
        sizes: height and width of each level.
    """
    levels = []
    for size in sizes:
        flow = resize_flow(flow, size)
        levels.append(flow)
    return levels
