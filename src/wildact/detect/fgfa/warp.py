"""Feature maps moved by optical flow, and their mean over frames.

A flow is (N, 2, H, W) float in cells of its own grid, channel 0 to the right and 1 down. It leads from the
current frame to another one: what is seen at ``p`` of the current frame is at ``p + flow(p)`` of the other.
Beyond the border the value at the border is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    """Join the flows from a to b and from b to c to that from a to c; all (N, 2, H, W)."""
    return first + warp(second, first)


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a flow to a grid of another size, in cells of that grid; each axis has a factor of its own.

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


def aggregate_maps(
    features: Sequence[Tensor], embeddings: Sequence[Tensor], flows: Sequence[Tensor]
) -> Tensor:
    """Average the features of T frames at the places of the first; differentiable in everything.

    At each cell, a frame's share is the softmax over the frames of the scalar product of its embedding with
    that of the current frame. The current frame takes part as it is, without a warp. Embeddings are warped
    with the features.

    Args:
        features: T of (N, C, H, W), the current frame first.
        embeddings: T of (N, E, H, W), of one length over E.
        flows: T - 1 of (N, 2, H, W), from the current frame to each of the others, in cells.

    Returns:
        (N, C, H, W).

    Reference:
        Zhu et al. 2017, section 3.2.
    """
    keys = [embeddings[0], *(warp(other, flow) for other, flow in zip(embeddings[1:], flows, strict=True))]
    similar = [(key * embeddings[0]).sum(dim=1, keepdim=True) for key in keys]
    shares = torch.split(torch.cat(similar, dim=1).softmax(dim=1), 1, dim=1)
    total: Tensor = shares[0] * features[0]
    for share, other, flow in zip(shares[1:], features[1:], flows, strict=True):
        total = total + share * warp(other, flow)
    return total
