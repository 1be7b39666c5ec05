"""Optical flow between two frames of a video, at reduced resolution: `FLOWS` names the ways to find it.

Each is a module with two parts: ``prepare`` makes of a frame what is to be kept of it, once, and ``forward``
finds the flow from one prepared frame to another.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.optical_flow import raft_small

RAFT_STRIDE, RAFT_MIN_SIDE = 8, 128


class Flow(nn.Module):
    """What both share: frames are shrunk by area averaging.

    Attributes:
        scale: side of what the flow is found on, as a share of the frame's.
        network: the part with weights; one without any where there is nothing to learn.
        published: name of published weights of it, or None.
    """

    def __init__(self, scale: float, network: nn.Module, published: str | None = None) -> None:
        super().__init__()
        self.scale, self.network, self.published = scale, network, published

    def prepare(self, images: Tensor) -> Tensor:
        """Shrink (N, C, H, W) in [0, 1] to what ``forward`` takes, (N, C, h, w)."""
        size = [max(1, round(side * self.scale)) for side in images.shape[-2:]]
        return F.interpolate(images, size, mode="area")


class DisFlow(Flow):
    """OpenCV's dense inverse search: no weights, nothing to train, on the CPU.

    Reference: Kroeger et al. 2016, Fast Optical Flow using Dense Inverse Search.
    """

    def __init__(self, scale: float) -> None:
        super().__init__(scale, nn.Identity())

    def prepare(self, images: Tensor) -> Tensor:
        """Turn (N, 3, H, W) RGB in [0, 1] into (N, 1, h, w) uint8 grey, on the CPU."""
        grey = F.conv2d(images, images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))
        return super().prepare(grey).mul(255).round().clamp(0, 255).byte().cpu()

    def forward(self, current: Tensor, other: Tensor) -> Tensor:
        """Find the flow (N, 2, h, w) float32, in pixels, between (N, 1, h, w) uint8 frames."""
        finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        pairs = zip(current.numpy()[:, 0], other.numpy()[:, 0], strict=True)
        # None, a flow to start from, is missing in OpenCV's type stubs
        flows = [finder.calc(a, b, None) for a, b in pairs]  # type: ignore[call-overload]
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous()


class RaftFlow(Flow):
    """Torchvision's small RAFT.

    Reference: Teed & Deng 2020, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow.
    """

    def __init__(self, scale: float) -> None:
        super().__init__(scale, raft_small(weights=None), "raft_small")

    def prepare(self, images: Tensor) -> Tensor:
        """Turn (N, 3, H, W) RGB in [0, 1] into (N, 3, h, w) in [-1, 1]."""
        return super().prepare(images) * 2 - 1

    def forward(self, current: Tensor, other: Tensor) -> Tensor:
        """Find the flow (N, 2, h, w), in pixels, between (N, 3, h, w) frames."""
        height, width = current.shape[-2:]
        below = max(RAFT_MIN_SIDE - height, -height % RAFT_STRIDE)
        right = max(RAFT_MIN_SIDE - width, -width % RAFT_STRIDE)
        current, other = (F.pad(x, (0, right, 0, below), mode="replicate") for x in (current, other))
        flow: Tensor = self.network(current, other)[-1]  # one for each of its iterations
        return flow[..., :height, :width]


FLOWS: dict[str, Callable[[float], Flow]] = {"dis": DisFlow, "raft_small": RaftFlow}
"""Name to what builds it for a scale."""
