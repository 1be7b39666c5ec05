"""A linear probe: frozen EfficientNet-Lite0 features, their statistics over time, a linear layer.

The features are those that ImageNet taught; only the linear layer is trained (multinomial logistic
regression), which takes seconds once the features are computed. A few hundred clips are enough.

Reference:
    Alain & Bengio 2017, Understanding intermediate layers using linear classifier probes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.backbones import Lite0
from wildact.backbones.lite0 import OUTPUT_CHANNELS, SameConv2d, fold_head, load_imagenet, read_package

CHANNELS = 1280
"""Of the convolution that EfficientNet-Lite0 has before its classifier."""

STATISTICS = 3
"""Mean, standard deviation, and mean absolute difference from frame to frame."""

SMALLEST_STD = 1e-4
"""A statistic that hardly varies between the training clips is not scaled up further."""


class Lite0Probe(nn.Module):
    """Frames to features, features to statistics over time, statistics to logits."""

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = Lite0()
        self.conv_head = SameConv2d(OUTPUT_CHANNELS[-1], CHANNELS, 1)
        self.register_buffer("feature_mean", torch.zeros(STATISTICS * CHANNELS))
        self.register_buffer("feature_std", torch.ones(STATISTICS * CHANNELS))
        self.fc = nn.Linear(STATISTICS * CHANNELS, num_classes)
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) normalised clips, H and W divisible by 32, to (N, num_classes) logits."""
        return self.classify(self.describe(x))

    def describe(self, x: Tensor) -> Tensor:
        """Return the statistics of clips.

        Args:
            x: (N, 3, T, H, W) normalised clips, H and W divisible by 32.

        Returns:
            (N, 3 C): mean over time of the C features, their standard deviation, and the mean absolute
            difference between a frame's and the next one's; the latter two are 0 for a single frame.
        """
        # clip by clip: all frames of a batch at once would need a gigabyte
        features = torch.stack([self._compute_features(clip.transpose(0, 1)) for clip in x])
        mean = features.mean(dim=1)
        deviation = features.std(dim=1, correction=0)
        change = features.diff(dim=1).abs().sum(dim=1) / max(1, x.shape[2] - 1)
        return torch.cat([mean, deviation, change], dim=1)

    def _compute_features(self, frames: Tensor) -> Tensor:
        """(T, 3, H, W) normalised frames to (T, C) features."""
        frames = frames.contiguous(memory_format=torch.channels_last)
        cells = F.relu6(self.conv_head(self.body(frames)["3"]))
        features: Tensor = cells.mean(dim=(2, 3))
        return features

    def classify(self, statistics: Tensor) -> Tensor:
        """(N, 3 C) statistics to (N, num_classes) logits."""
        logits: Tensor = self.fc((statistics - self.feature_mean) / self.feature_std)
        return logits

    def load_imagenet(self) -> None:
        """Load the features that ImageNet taught.

        Raises:
            WeightsError: if the package that ships them is not installed.
        """
        state = read_package()
        load_imagenet(self.body, state)
        weight, bias = fold_head(state)
        self.conv_head.load_state_dict({"weight": weight, "bias": bias})

    @torch.no_grad()
    def standardize(self, statistics: Tensor) -> None:
        """Set the scale of the statistics by (N, 3 C) ones of the training clips."""
        self.feature_mean.copy_(statistics.mean(dim=0))
        self.feature_std.copy_(statistics.std(dim=0, correction=0).clamp_min(SMALLEST_STD))


def build_lite0_probe(num_classes: int) -> Lite0Probe:
    """Build the linear probe, untrained.

    Args:
        num_classes: actions.
    """
    return Lite0Probe(num_classes)
