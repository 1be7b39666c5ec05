"""The bundled action network: EfficientNet-Lite0 whose features are shifted through time.

A network from scratch needs far more clips than a laptop can show it in an hour; one that knows pictures has
only movement to learn. Shifting some channels by a frame lets its 2-D convolutions see movement at the price
of single frames.

Reference:
    Lin, Gan & Han 2019, TSM: Temporal Shift Module for Efficient Video Understanding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.backbones import Lite0
from wildact.backbones.lite0 import STAGES, InvertedResidual

LAST_STAGE = 4  # stride 16, 112 channels: a crop of 96 pixels is 6 x 6 cells
FIRST_SHIFTED_STAGE = 2  # the stages before see edges; they may stay frozen, as ImageNet taught them
GRID = 3  # cells a side that the head tells apart: whether the head is up or down matters
SHIFTED = 8  # one channel in so many comes from the frame before, and one from the frame after


class Lite0Tsm(nn.Module):
    """Frames through a shifted backbone, each to a vector; convolutions over time; the middle decides."""

    def __init__(self, num_classes: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.body = Lite0()
        del self.body.stages[LAST_STAGE + 1 :]
        self.neck = nn.Sequential(
            nn.Conv2d(STAGES[LAST_STAGE][4], width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.embed = nn.Linear(GRID * GRID * width, 2 * width)
        self.temporal = nn.ModuleList(nn.Conv1d(2 * width, 2 * width, 3, padding=1) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, S, S) normalised clips, S divisible by 16, to (N, num_classes) logits."""
        n, channels, t, height, width = x.shape
        frames = x.transpose(1, 2).reshape(n * t, channels, height, width)
        frames = frames.contiguous(memory_format=torch.channels_last)
        cells = F.adaptive_avg_pool2d(self.neck(self._features(frames, t)), GRID)
        vectors = F.relu(self.embed(cells.flatten(1))).view(n, t, -1).transpose(1, 2)
        for convolution in self.temporal:
            vectors = vectors + F.relu(convolution(vectors))
        middle = vectors[:, :, t // 4 : t - t // 4].mean(dim=2)
        logits: Tensor = self.fc(self.dropout(middle))
        return logits

    def _features(self, x: Tensor, t: int) -> Tensor:
        x = F.relu6(self.body.conv_stem(x))
        for number, stage in enumerate(self.body.stages):
            for block in stage.children():
                x = _shifted(block, x, t) if number >= FIRST_SHIFTED_STAGE else block(x)
        return x


def _shifted(block: nn.Module, x: Tensor, t: int) -> Tensor:
    """A block with a shortcut sees its neighbours in time; the shortcut itself stays in the present."""
    if isinstance(block, InvertedResidual) and block.shortcut:
        return x + block.residual(shift_through_time(x, t))
    seen: Tensor = block(x)
    return seen


def shift_through_time(x: Tensor, t: int) -> Tensor:
    """Replace some channels of each frame by those of its neighbours.

    Args:
        x: (N * T, C, H, W), the frames of a clip one after the other.
        t: T.

    Returns:
        The same shape: the first C / 8 channels from the next frame, the second C / 8 from the one before, 0
        where there is none; the others as they were.
    """
    clips = x.view(-1, t, *x.shape[1:])
    fold = x.shape[1] // SHIFTED
    shifted = torch.cat(
        [
            F.pad(clips[:, 1:, :fold], (0, 0, 0, 0, 0, 0, 0, 1)),
            F.pad(clips[:, :-1, fold : 2 * fold], (0, 0, 0, 0, 0, 0, 1, 0)),
            clips[:, :, 2 * fold :],
        ],
        dim=2,
    )
    return shifted.flatten(0, 1).contiguous(memory_format=torch.channels_last)


def build_lite0_tsm(num_classes: int, *, width: int = 128, dropout: float = 0.3) -> Lite0Tsm:
    """The bundled action network, untrained.

    Args:
        num_classes: actions.
        width: channels of the head; its vectors are twice as long.
        dropout: before the last layer.
    """
    return Lite0Tsm(num_classes, width=width, dropout=dropout)
