"""Weights for a video detector to start from: those of the Mask R-CNN within it, and of its flow."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from wildact.detect.fgfa.network import SHARED, FlowGuidedMaskRCNN
from wildact.weights import (
    PUBLISHED,
    WeightCard,
    find_weights,
    load_initial_weights,
    load_state,
    load_weights,
)
from wildact.weights.foreign import FOREIGN_SUFFIXES

PREFIX = "fgfa_"
"""Before the name of a Mask R-CNN, that of the FGFA built from it."""

_logger = logging.getLogger(__name__)


def load_video_weights(model: FlowGuidedMaskRCNN, weights: str, *, network: str, head: Sequence[str]) -> None:
    """Copy weights of a Mask R-CNN, or of an FGFA, into an untrained FGFA.

    In the former case the flow gets its published weights where there are such; what stays untrained is
    logged.

    Args:
        model: the network.
        weights: of this network or of its Mask R-CNN, as for `load_initial_weights`.
        network: its name in ``DETECTORS``.
        head: what the names of its last layers begin with.

    Raises:
        UsageError: if there are no such weights, or they are of another kind of network.
        WeightsError: if they are not on this computer, damaged, or do not fit.
    """
    if _are_of_fgfa(weights):
        load_initial_weights(model, weights, network=network, kind="detector", head=head)
        return
    shared = nn.ModuleDict({name: getattr(model, name) for name in SHARED})
    load_initial_weights(shared, weights, network=network.removeprefix(PREFIX), kind="detector", head=head)
    untrained = ["its embedding"]
    if flow := find_initial_flow(model, weights):
        load_state(model.flow.network, load_weights(*flow)[0])
    elif any(True for _ in model.flow.parameters()):
        untrained.append("its flow")
    _logger.warning("%s keeps %s untrained: '%s' has none.", network, " and ".join(untrained), weights)


def find_initial_flow(model: nn.Module, weights: str) -> tuple[Path, WeightCard] | None:
    """The published weights that the flow of a network begins with.

    Args:
        model: any detector or action network.
        weights: that it begins with.

    Returns:
        Their file and card; None where the network has no flow, its flow none that are published, or
        `weights` have their own.

    Raises:
        WeightsError: if they are not on this computer.
    """
    if not isinstance(model, FlowGuidedMaskRCNN) or model.flow.published is None or _are_of_fgfa(weights):
        return None
    return find_weights(model.flow.published, "flow")


def _are_of_fgfa(weights: str) -> bool:
    """Whether they are of a whole FGFA; what other libraries publish is a Mask R-CNN."""
    if weights in PUBLISHED or Path(weights).suffix in FOREIGN_SUFFIXES:
        return False
    return find_weights(weights, "detector")[1].name.startswith(PREFIX)
