"""Find the animals in the frames of a video: boxes, masks, species, scores.

`DETECTORS` names the networks; `build_detector` makes one untrained, `load_detector` one with its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from wildact import defaults
from wildact.detect.detector import Detector
from wildact.detect.fgfa import (
    FlowGuidedDetector,
    FlowGuidedMaskRCNN,
    WindowSettings,
    build_fgfa_maskrcnn_lite0_fpn,
    build_fgfa_maskrcnn_resnet50_fpn,
    load_video_weights,
)
from wildact.detect.mask_rcnn import (
    build_maskrcnn_lite0_fpn,
    build_maskrcnn_resnet50_fpn,
    build_maskrcnn_resnet50_fpn_v2,
)
from wildact.detect.torch_detector import TorchDetector
from wildact.errors import UsageError
from wildact.weights import WeightCard, find_weights, load_initial_weights, load_state, load_weights

__all__ = [
    "DETECTORS",
    "Detector",
    "TorchDetector",
    "WindowSettings",
    "build_detector",
    "load_detector",
    "wrap_model",
]

DETECTORS: dict[str, Callable[..., nn.Module]] = {
    "maskrcnn_lite0_fpn": build_maskrcnn_lite0_fpn,
    "maskrcnn_resnet50_fpn": build_maskrcnn_resnet50_fpn,
    "maskrcnn_resnet50_fpn_v2": build_maskrcnn_resnet50_fpn_v2,
    "fgfa_maskrcnn_lite0_fpn": build_fgfa_maskrcnn_lite0_fpn,
    "fgfa_maskrcnn_resnet50_fpn": build_fgfa_maskrcnn_resnet50_fpn,
}


HEAD = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")
"""What the names of the layers begin with that are made for a number of classes."""


def build_detector(
    name: str, num_classes: int, *, weights: str | None = None, **architecture: Any
) -> nn.Module:
    """Build a detector, untrained or to be trained further.

    Args:
        name: a key of `DETECTORS`.
        num_classes: kinds of animals, without the background (which is added).
        weights: to start from: ``coco``, or a name, file or folder, see `load_initial_weights`; a head of
            another number of classes stays untrained, and that is logged. A network of many frames also takes
            those of the network of one frame that it is built from. None: all is untrained.
        **architecture: passed to the builder.

    Raises:
        UsageError: if there is no detector of this name or of this architecture, or no such weights.
        WeightsError: if the weights are not on this computer, damaged, or of another network.
    """
    if name not in DETECTORS:
        raise UsageError(f"there is no detector '{name}'; there are: {', '.join(DETECTORS)}.")
    try:
        model = DETECTORS[name](num_classes + 1, **architecture)
    except TypeError as error:  # a key that the builder does not know, or a value that is none
        raise UsageError(f"{name} cannot be built with the architecture {architecture}: {error}.") from error
    if weights is not None and isinstance(model, FlowGuidedMaskRCNN):
        load_video_weights(model, weights, network=name, head=HEAD)
    elif weights is not None:
        load_initial_weights(model, weights, network=name, kind="detector", head=HEAD)
    return model


def load_detector(
    name_or_path: str = defaults.DETECTOR,
    *,
    device: str = "cpu",
    min_score: float = 0.05,
    batch_size: int = 1,
    window: WindowSettings | None = None,
) -> Detector:
    """Load a detector with its weights, ready to predict.

    Args:
        name_or_path: a name that ``wildact models`` lists, a weights file, or a training run's folder.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        min_score: detections below it are not returned.
        batch_size: frames per pass through the network, where a stream is read.
        window: which frames help each other, in a temporal detector.

    Raises:
        WeightsError: if the weights are not on this computer, damaged, or of another network.
        UsageError: if the name is unknown.

    Example:
        >>> import numpy as np
        >>> detector = load_detector()
        >>> detections = detector(np.zeros((180, 320, 3), np.uint8))
        >>> len(detections)
        0
    """
    path, card = find_weights(name_or_path, "detector")
    state, card = load_weights(path, card)
    model = build_detector(card.name, len(card.classes), **card.architecture)
    load_state(model, state)
    return wrap_model(model, card, device=device, min_score=min_score, batch_size=batch_size, window=window)


def wrap_model(
    model: nn.Module,
    card: WeightCard,
    *,
    device: str = "cpu",
    min_score: float = 0.05,
    batch_size: int = 1,
    window: WindowSettings | None = None,
) -> Detector:
    """Return a detector with a copy of a model of `build_detector`; arguments as of `load_detector`."""
    if isinstance(model, FlowGuidedMaskRCNN):
        settings = {} if window is None else {"window": window}
        return FlowGuidedDetector.from_model(model, card, device=device, min_score=min_score, **settings)
    return TorchDetector.from_model(model, card, device=device, min_score=min_score, batch_size=batch_size)
