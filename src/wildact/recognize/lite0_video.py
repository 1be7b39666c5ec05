"""The bundled action network: frames through a pretrained EfficientNet-Lite0, (2+1)D convolutions on top.

From scratch, a video network needs far more clips than a laptop can show it in an hour; a backbone that knows
pictures leaves only movement to be learnt. The split of space and time is that of Tran et al. 2018, R(2+1)D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wildact.backbones import Lite0
from wildact.backbones.lite0 import STAGES

LAST_STAGE = 4  # stride 16, 112 channels: a crop of 96 pixels is 6 x 6 cells, enough to tell head from tail


class Lite0R2Plus1d(nn.Module):
    """A frozen image backbone, and a trained head that sees its features through time."""

    def __init__(self, num_classes: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.body = Lite0()
        del self.body.stages[LAST_STAGE + 1 :]
        self.head = nn.Sequential(
            _layer(STAGES[LAST_STAGE][4], width, (1, 1, 1)),
            _layer(width, width, (1, 3, 3)),
            _layer(width, width, (3, 1, 1)),
            _layer(width, 2 * width, (1, 3, 3), stride=(1, 2, 2)),
            _layer(2 * width, 2 * width, (3, 1, 1), stride=(2, 1, 1)),
            _layer(2 * width, 2 * width, (1, 3, 3)),
            _layer(2 * width, 2 * width, (3, 1, 1)),
        )
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, S, S) normalised clips, S divisible by 16, to (N, num_classes) logits."""
        n, channels, t, height, width = x.shape
        frames = x.transpose(1, 2).reshape(n * t, channels, height, width)
        frames = frames.contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.body.conv_stem.weight.requires_grad):
            features = self.body.forward_to(frames, LAST_STAGE)
        features = features.reshape(n, t, *features.shape[1:]).transpose(1, 2)
        seen = self.head(features)
        pooled = torch.cat([seen.mean(dim=(2, 3, 4)), seen.amax(dim=(2, 3, 4))], dim=1)
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits


def _layer(
    channels: int,
    out_channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int] = (1, 1, 1),
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(channels, out_channels, kernel, stride, padding, bias=False),
        nn.BatchNorm3d(out_channels),
        nn.ReLU(inplace=True),
    )


def build_lite0_r2plus1d(num_classes: int, *, width: int = 96, dropout: float = 0.4) -> Lite0R2Plus1d:
    """The bundled action network, untrained.

    Args:
        num_classes: actions.
        width: channels of the head's first layers; its last ones have twice as many.
        dropout: before the last layer.
    """
    return Lite0R2Plus1d(num_classes, width=width, dropout=dropout)
