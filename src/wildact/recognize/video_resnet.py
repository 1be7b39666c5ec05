"""The three video ResNets of Tran et al. 2018, in their published width or narrower.

Reference: Tran et al. 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition;
Schindler & Steinhage 2021, section 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.video.resnet import (
    BasicBlock,
    Conv2Plus1D,
    Conv3DNoTemporal,
    Conv3DSimple,
    VideoResNet,
)

WIDTHS = (64, 128, 256, 512)
"""Published channels of the four stages."""


class VideoResNet18(VideoResNet):  # type: ignore[misc]  # torchvision has no types
    """torchvision's video ResNet of 18 layers, with channels of one's choice.

    With `WIDTHS` and no dropout, layers, their names and their first weights are torchvision's.
    """

    def __init__(
        self,
        num_classes: int,
        convolutions: Sequence[type[nn.Module]],
        stem: nn.Sequential,
        widths: Sequence[int],
        dropout: float,
    ) -> None:
        nn.Module.__init__(self)  # torchvision's own constructor fixes the widths
        self.inplanes = widths[0]
        self.stem = stem
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            self._make_layer(BasicBlock, convolution, width, 2, stride=1 if i == 0 else 2)
            for i, (convolution, width) in enumerate(zip(convolutions, widths, strict=True))
        )
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(widths[3], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, S, S) normalised clips to (N, num_classes) logits."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        logits: Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return logits


def build_r3d_18(num_classes: int, *, widths: Sequence[int] = WIDTHS, dropout: float = 0.0) -> VideoResNet18:
    """Build R3D-18: 3-D convolutions throughout.

    Args:
        num_classes: actions.
        widths: channels of the four stages.
        dropout: before the last layer.

    Returns:
        A network that takes (N, 3, T, S, S) normalised clips and gives (N, num_classes) logits.
    """
    return VideoResNet18(num_classes, (Conv3DSimple,) * 4, _stem_3d(widths[0]), widths, dropout)


def build_mc3_18(num_classes: int, *, widths: Sequence[int] = WIDTHS, dropout: float = 0.0) -> VideoResNet18:
    """Build MC3-18: 3-D convolutions early, 2-D ones late; see `build_r3d_18`."""
    convolutions = (Conv3DSimple, *(Conv3DNoTemporal,) * 3)
    return VideoResNet18(num_classes, convolutions, _stem_3d(widths[0]), widths, dropout)


def build_r2plus1d_18(
    num_classes: int, *, widths: Sequence[int] = WIDTHS, dropout: float = 0.0
) -> VideoResNet18:
    """Build R(2+1)D-18: each 3-D convolution split in space and time; see `build_r3d_18`."""
    return VideoResNet18(num_classes, (Conv2Plus1D,) * 4, _stem_2plus1d(widths[0]), widths, dropout)


def _stem_3d(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(3, width, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), *_norm(width))


def _stem_2plus1d(width: int) -> nn.Sequential:
    between = max(1, width * 45 // 64)  # torchvision: 45 of 64
    return nn.Sequential(
        nn.Conv3d(3, between, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
        *_norm(between),
        nn.Conv3d(between, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
        *_norm(width),
    )


def _norm(width: int) -> list[Any]:
    return [nn.BatchNorm3d(width), nn.ReLU(inplace=True)]
