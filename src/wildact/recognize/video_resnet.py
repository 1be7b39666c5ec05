"""The three video ResNets of Tran et al. 2018, by torchvision, and a narrow one.

Reference: Tran et al. 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition;
Schindler & Steinhage 2021, section 4.4.
"""

from __future__ import annotations

from torch import nn
from torchvision.models import video
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, VideoResNet


def build_r3d_18(num_classes: int) -> VideoResNet:
    """R3D-18: 3-D convolutions throughout. (N, 3, 16, 112, 112) to (N, num_classes) logits."""
    return video.r3d_18(weights=None, num_classes=num_classes)


def build_mc3_18(num_classes: int) -> VideoResNet:
    """MC3-18: 3-D convolutions early, 2-D ones late. (N, 3, 16, 112, 112) to (N, num_classes) logits."""
    return video.mc3_18(weights=None, num_classes=num_classes)


def build_r2plus1d_18(num_classes: int) -> VideoResNet:
    """R(2+1)D-18: each 3-D convolution split in space and time. (N, 3, 16, 112, 112) to (N, num_classes)."""
    return video.r2plus1d_18(weights=None, num_classes=num_classes)


class NarrowVideoResNet(VideoResNet):  # type: ignore[misc]  # torchvision has no types
    """torchvision's video ResNet with one block a stage and channels of one's choice."""

    def __init__(self, num_classes: int, widths: tuple[int, int, int, int], dropout: float) -> None:
        nn.Module.__init__(self)  # torchvision's own constructor fixes the widths at 64 ... 512
        stem = widths[0]
        self.inplanes = stem
        self.stem = nn.Sequential(
            nn.Conv3d(3, stem, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(stem),
            nn.ReLU(inplace=True),
            nn.Conv3d(stem, stem, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(stem),
            nn.ReLU(inplace=True),
        )
        self.layer1 = self._make_layer(BasicBlock, Conv2Plus1D, widths[0], 1, stride=1)
        self.layer2 = self._make_layer(BasicBlock, Conv2Plus1D, widths[1], 1, stride=2)
        self.layer3 = self._make_layer(BasicBlock, Conv2Plus1D, widths[2], 1, stride=2)
        self.layer4 = self._make_layer(BasicBlock, Conv2Plus1D, widths[3], 1, stride=2)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[3], num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def build_r2plus1d_narrow(
    num_classes: int, *, widths: tuple[int, int, int, int] = (24, 48, 96, 192), dropout: float = 0.3
) -> NarrowVideoResNet:
    """R(2+1)D at less than half the depth and width, to be trained from scratch.

    Args:
        num_classes: actions.
        widths: channels of the four stages.
        dropout: before the last layer.

    Returns:
        a network that takes (N, 3, T, S, S) normalised clips and gives (N, num_classes) logits.
    """
    return NarrowVideoResNet(num_classes, widths=tuple(widths), dropout=dropout)  # type: ignore[arg-type]
