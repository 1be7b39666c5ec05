"""Recognise what an animal does: clips to action scores, scores to bouts.

`RECOGNIZERS` names the networks; `build_recognizer` makes one untrained, `load_recognizer` one with weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from wildact.errors import UsageError
from wildact.recognize.bouts import scores_to_bouts
from wildact.recognize.lite0_probe import Lite0Probe, build_lite0_probe
from wildact.recognize.lite0_tsm import build_lite0_tsm
from wildact.recognize.predict import Recognizer, predict_actions
from wildact.recognize.preprocess import normalize_clips, to_channels_last
from wildact.recognize.slowfast import build_slowfast_r50, pack_pathways
from wildact.recognize.video_resnet import (
    build_mc3_18,
    build_r2plus1d_18,
    build_r3d_18,
)
from wildact.weights import find_weights, load_initial_weights, load_state, load_weights

__all__ = [
    "RECOGNIZERS",
    "Lite0Probe",
    "Recognizer",
    "build_recognizer",
    "load_recognizer",
    "normalize_clips",
    "pack_pathways",
    "predict_actions",
    "scores_to_bouts",
    "to_channels_last",
]

RECOGNIZERS: dict[str, Callable[..., nn.Module]] = {
    "lite0_tsm": build_lite0_tsm,
    "lite0_probe": build_lite0_probe,
    "r3d_18": build_r3d_18,
    "mc3_18": build_mc3_18,
    "r2plus1d_18": build_r2plus1d_18,
    "slowfast_r50": build_slowfast_r50,
}


HEAD = ("fc.",)
"""What the names of the layers begin with that are made for a number of actions."""


def build_recognizer(
    name: str,
    num_classes: int,
    *,
    weights: str | None = None,
    **architecture: Any,
) -> nn.Module:
    """An action network, untrained or to be trained further.

    Args:
        name: a key of `RECOGNIZERS`.
        num_classes: actions.
        weights: to start from: ``kinetics400``, or a name, file or folder, see `load_initial_weights`; a head
            of another number of classes stays untrained, and that is logged. None: all is untrained.
        **architecture: passed to the builder.

    Raises:
        UsageError: if there is no recognizer of this name or of this architecture, or no such weights.
        WeightsError: if the weights are not on this computer, damaged, or of another network.
    """
    if name not in RECOGNIZERS:
        raise UsageError(f"there is no recognizer '{name}'; there are: {', '.join(RECOGNIZERS)}.")
    try:
        model = RECOGNIZERS[name](num_classes, **architecture)
    except TypeError as error:  # a key that the builder does not know, or a value that is none
        raise UsageError(f"{name} cannot be built with the architecture {architecture}: {error}.") from error
    if weights is not None:
        load_initial_weights(model, weights, network=name, kind="recognizer", head=HEAD)
    return model


def load_recognizer(name_or_path: str, *, device: str = "cpu") -> Recognizer:
    """An action network with its weights, ready to predict.

    Args:
        name_or_path: a name that ``wildact models`` lists, a weights file, or a training run's folder.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...

    Raises:
        WeightsError: if the weights are not on this computer, damaged, or of another network.
        UsageError: if the name is unknown.
    """
    path, card = find_weights(name_or_path, "recognizer")
    state, card = load_weights(path, card)
    model = build_recognizer(card.name, len(card.classes), **card.architecture)
    load_state(model, state)
    return Recognizer.from_model(model, card, device=device)
