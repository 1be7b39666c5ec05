"""Crops to network input. Training and inference both come through here, so they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def normalize_clips(clips: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Bring clips into the form that the video networks take.

    Args:
        clips: (N, T, S, S, 3) uint8 RGB.
        mean: of each channel, for RGB in [0, 1].
        std: of each channel.

    Returns:
        (N, 3, T, S, S) float32, in the channels-last layout that CPUs and tensor cores prefer.

    Reference:
        Tran et al. 2018; mean and std of Kinetics-400 as in torchvision's video weights.
    """
    x = clips.permute(0, 4, 1, 2, 3).float() / 255
    shape = (1, 3, 1, 1, 1)
    centre = torch.tensor(mean, device=x.device).view(shape)
    spread = torch.tensor(std, device=x.device).view(shape)
    return ((x - centre) / spread).contiguous(memory_format=torch.channels_last_3d)


def to_channels_last(model: nn.Module) -> nn.Module:
    """Lay out the weights of 2-D and 3-D convolutions as `normalize_clips` lays out its clips."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return model
