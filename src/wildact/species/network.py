"""EfficientNet-Lite0 as a classifier of single animals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.backbones import Lite0
from wildact.backbones.lite0 import SameConv2d
from wildact.errors import UsageError

FEATURES = 1280


class NamerNetwork(nn.Module):
    """Probabilities of kinds of animals on crops.

    Several outputs of the last layer may belong to one class: dog breeds are all domestic dogs.
    """

    def __init__(self, outputs_per_class: Sequence[int]) -> None:
        super().__init__()
        self.body = Lite0()
        self.conv_head = SameConv2d(self.body_channels, FEATURES, 1)
        self.fc = nn.Linear(FEATURES, sum(outputs_per_class))
        owner = torch.repeat_interleave(torch.tensor(list(outputs_per_class)))
        self.owner: Tensor
        self.register_buffer("owner", owner, persistent=False)
        self.num_classes = len(outputs_per_class)

    @property
    def body_channels(self) -> int:
        """Channels of the body's last features."""
        return 320

    def compute_features(self, images: Tensor) -> Tensor:
        """Return (N, 1280) features of (N, 3, S, S) normalised crops."""
        features: Tensor = F.relu6(self.conv_head(self.body(images)["3"])).mean((2, 3))
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Return (N, C) log probabilities of the classes, given (N, 1280) features."""
        outputs = self.fc(features).log_softmax(dim=1)
        return sum_outputs(outputs, self.owner, self.num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C) log probabilities of the classes on (N, 3, S, S) normalised crops."""
        return self.classify(self.compute_features(images))


def sum_outputs(log_probabilities: Tensor, owner: Tensor, num_groups: int) -> Tensor:
    """Return the logarithms of sums of probabilities.

    Args:
        log_probabilities: (N, O).
        owner: (O,) int64, the group of each column.
        num_groups: G.

    Returns:
        (N, G).
    """
    top = log_probabilities.detach().amax(dim=1, keepdim=True)
    sums = log_probabilities.new_zeros(len(log_probabilities), num_groups)
    sums = sums.index_add(1, owner, (log_probabilities - top).exp())
    return sums.clamp_min(1e-12).log() + top


def build_lite0_namer(num_classes: int, *, outputs_per_class: Sequence[int] = ()) -> NamerNetwork:
    """Return the network, untrained.

    Args:
        num_classes: kinds of animals.
        outputs_per_class: how many outputs of the last layer belong to each; empty: one each.

    Raises:
        UsageError: if the two numbers of classes differ.
    """
    counts = list(outputs_per_class) or [1] * num_classes
    if len(counts) != num_classes:
        raise UsageError(f"outputs_per_class has {len(counts)} entries for {num_classes} classes.")
    return NamerNetwork(counts)
