"""One training run: a recipe and a data set in, a folder with weights, log and checkpoint out."""

from __future__ import annotations

import importlib.util
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch import nn

from wildact.datasets import Dataset, join_datasets, load_dataset, map_classes, require_videos, select_split
from wildact.datasets.classes import list_unknown
from wildact.datasets.findings import SHARED_CAMERA, SHARED_FILE, SHARED_SITE, Finding
from wildact.datasets.leakage import compare_datasets, find_copies
from wildact.errors import DatasetError, UsageError, WeightsError
from wildact.recipes import DetectionRecipe, NamerRecipe
from wildact.recognize import Lite0Probe
from wildact.train import detection, probe, recognition, video_detection
from wildact.train.account import (
    VALIDATION_SPLIT,
    Account,
    describe_dataset,
    describe_training,
    find_difference,
    make_card,
    make_record,
)
from wildact.train.folder import LAST_FILE, finish_folder, make_folder
from wildact.train.initial import build_model, describe_initial
from wildact.train.log import MetricsLog
from wildact.train.namer import train_namer
from wildact.train.schedule import iterations_per_epoch
from wildact.train.step import Losses, Recipe, Training
from wildact.train.validation import Validation
from wildact.train.visits import Batches, Blocks
from wildact.weights import BEST_FILE, WeightCard, save_weights

_logger = logging.getLogger(__name__)


def train_recipe(
    recipe: Recipe | NamerRecipe,
    data: Path | Sequence[Path],
    out: Path,
    *,
    validation: Path | Sequence[Path] | None = None,
    split: str = "train",
    workers: int = 1,
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: bool = True,
) -> WeightCard:
    """Train a network.

    Args:
        recipe: from `wildact.recipes.load_recipe`.
        data: folder of a data set in the native format, or several: all their videos are trained on.
        out: folder for ``best.safetensors`` with its card, ``last.safetensors``, ``last.ckpt``,
            ``metrics.csv``, ``validation.csv``, ``tensorboard``, ``record.json`` and ``MODEL_CARD.md``.
            A run that was interrupted goes on from its last checkpoint.
        validation: folder of a data set, or of several, to choose the best weights by; without it they are
            the last. Where its videos name splits, those of ``val`` are used.
        split: that is trained on, where the videos of a data set name splits.
        workers: processes, for each that trains, that decode videos beside it.
        device: ``auto``, ``cpu`` or ``cuda``.
        devices: processes or GPUs of this machine that train together.
        nodes: machines that train together, each started in the ways that Lightning knows, e.g. ``torchrun``.
        progress: show a progress bar.

    Returns:
        The card of the best weights.

    Raises:
        DatasetError: if a data set is broken, or has no labels for this kind of network.
        WeightsError: if the initial weights cannot be used, or the checkpoint is of another training.
        UsageError: if there is no such device, or it cannot train the network at the recipe's precision.
        WildactError: if the loss or a gradient is no number; names the videos of the batch.
    """
    roots = [data] if isinstance(data, Path) else list(data)
    tests = [validation] if isinstance(validation, Path) else list(validation or ())
    if isinstance(recipe, NamerRecipe):
        _check_device(device)
        if devices * nodes > 1:
            raise UsageError("a namer is trained by one process: leave --devices and --nodes out.")
        return train_namer(recipe, roots, out, validation=tests, split=split, device=device)
    parts = [load_part(root, split, recipe) for root in roots]
    dataset = join_datasets(parts)
    held_out = join_datasets([load_part(root, VALIDATION_SPLIT, recipe) for root in tests]) if tests else None
    for one in (dataset, *([held_out] if held_out else [])):
        if not any(video.tracks for video in one.videos):
            raise DatasetError(f"{one.root}: there is no labelled animal to train on.")
    if held_out is not None:
        _check_classes(recipe, dataset, held_out)
        require_videos(held_out)
        _warn_of_overlap(dataset, held_out)
    _check_device(device)
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, dataset)
    card = make_card(recipe, dataset, BEST_FILE, parts)
    make_folder(out)
    blocks, losses, per_visit = _plan(recipe, dataset, parts, model, out)
    last = out / "last.ckpt"
    initial = describe_initial(recipe, model)
    training = describe_dataset(dataset, roots)
    tested = None if held_out is None else describe_dataset(held_out, tests)
    made_from = describe_training(recipe, initial, training, tested)
    done = _iterations_done(last, made_from)
    batches = Batches(blocks, workers=workers, start=done)
    account = Account(batches, made_from)
    validator: Validation | None = None
    if held_out is not None:
        save = partial(_save_best, out, card)
        every = recipe.optimizer.validation_iterations
        validator = Validation(held_out, card, every=every, save=save)
    trainer = _build_trainer(
        blocks.iterations, recipe, out, [account, *([validator] if validator else [])],
        start=done, device=device, devices=devices, nodes=nodes, progress=progress,
    )  # fmt: skip
    per_epoch = iterations_per_epoch(recipe, len(blocks.videos), per_visit)
    with warnings.catch_warnings():
        # a run that goes on finds its own checkpoint there, and its batches begin where that ended
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch")
        # how often is saved may have changed
        warnings.filterwarnings("ignore", "Be aware that when using `ckpt_path`, callbacks used to create")
        try:
            trainer.fit(
                Training(model, recipe, losses, blocks, per_epoch=per_epoch),
                batches,
                ckpt_path=last if done else None,
                weights_only=True,
            )
        except SystemExit as end:  # how Lightning answers Ctrl-C
            raise KeyboardInterrupt from end
    if not trainer.is_global_zero:
        return card
    if validator is None:
        scores: dict[str, Any] = {}
        _save_best(out, card, model, {})
    else:
        scores = {"iteration": validator.iteration, **validator.best}
        save_weights(out / LAST_FILE, model.state_dict(), card, dtype=torch.float16)
    record = make_record(
        recipe, training, tested, account, initial=initial, processes=trainer.world_size, scores=scores
    )
    return finish_folder(out, record)


def _save_best(out: Path, card: WeightCard, model: nn.Module, scores: dict[str, float]) -> None:
    sure = scores.get("min_probability", 0.0)
    named = {f"validation/{name}": value for name, value in scores.items() if name != "min_probability"}
    card = card.model_copy(update={"scores": named, "min_probability": sure})
    save_weights(out / BEST_FILE, model.state_dict(), card, dtype=torch.float16)


def load_part(folder: Path, split: str, recipe: Recipe) -> Dataset:
    """Load one split of a data set, in the recipe's classes; categories that become background are logged."""
    dataset = select_split(load_dataset(folder), split)
    if isinstance(recipe, DetectionRecipe) and recipe.data.classes:
        unknown = set(list_unknown(dataset, recipe.data.classes)) - set(recipe.data.categories)
        if unknown and "*" not in recipe.data.categories:
            _logger.warning("%s: %s are background.", folder, ", ".join(sorted(unknown)))
        dataset = map_classes(dataset, recipe.data.classes, recipe.data.categories)
    return dataset


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"a training runs on auto, cpu or cuda, not on '{device}'.")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no GPU here that PyTorch can use: leave --device out, or say cpu.")


def _check_classes(recipe: Recipe, dataset: Dataset, held_out: Dataset) -> None:
    if not isinstance(recipe, DetectionRecipe):
        recognition.find_videos(held_out)
    what = "species" if isinstance(recipe, DetectionRecipe) else "actions"
    if unknown := set(getattr(held_out, what)) - set(getattr(dataset, what)):
        raise DatasetError(
            f"{held_out.root}: {dataset.root} has no {what} {', '.join(sorted(unknown))} to train on."
        )


def _warn_of_overlap(dataset: Dataset, held_out: Dataset) -> None:
    found: list[Finding] = []
    compare_datasets([dataset, held_out], found.append)
    find_copies([dataset, held_out], found.append)
    kinds = {finding.kind for finding in found}
    shared = [kind.title for kind in (SHARED_FILE, SHARED_CAMERA, SHARED_SITE) if kind in kinds]
    if shared:
        _logger.warning(
            "%s: %s, training and validation: its scores tell little of other places.",
            *(held_out.root, ", ".join(shared)),
        )


def _plan(
    recipe: Recipe, dataset: Dataset, parts: Sequence[Dataset], model: nn.Module, out: Path
) -> tuple[Blocks[Any], Losses, int]:
    """The samples, the losses, and how many samples one visit of a video gives."""
    if isinstance(recipe, DetectionRecipe):
        per_visit = recipe.data.frames_per_video
        if recipe.window is not None:
            blocks = video_detection.build_blocks(dataset, recipe, recipe.window)
            return blocks, detection.compute_losses, per_visit
        chances = compute_chances(parts, recipe.data.shares)
        return detection.build_blocks(dataset, recipe, chances), detection.compute_losses, per_visit
    if recipe.probe is not None:
        assert isinstance(model, Lite0Probe)  # the recipe's schema has seen to it
        clips = probe.build_blocks(dataset, recipe, recipe.probe, model, out)
        return clips, partial(probe.compute_losses, recipe=recipe), recipe.data.clips_per_video
    losses = partial(recognition.compute_losses, recipe=recipe)
    return recognition.build_blocks(dataset, recipe), losses, recipe.data.clips_per_video


def compute_chances(parts: Sequence[Dataset], shares: Mapping[str, float]) -> list[float] | None:
    """Return the probability of each video, or image, to be drawn; None where no shares are given.

    Args:
        parts: data sets, whose videos follow each other.
        shares: folder name of each data set to its share of the samples.

    Raises:
        UsageError: if the folder names and the shares differ.
    """
    if not shares:
        return None
    names = [part.root.resolve().name for part in parts]
    if sorted(names) != sorted(shares):
        raise UsageError(
            f"the recipe has shares for {', '.join(sorted(shares))}, and --data names {', '.join(names)}: "
            "give those folders, or set data.shares."
        )
    total = sum(shares.values())
    return [
        shares[name] / total / len(part.videos)
        for name, part in zip(names, parts, strict=True)
        for _ in part.videos
    ]


def _iterations_done(checkpoint: Path, made_from: dict[str, Any]) -> int:
    """Iterations after which a checkpoint of this training was saved; 0 where there is none."""
    if not checkpoint.is_file():
        return 0
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        done, before = int(content["global_step"]), content["callbacks"]["Account"]["made_from"]
    except Exception as error:  # a damaged file can raise anything
        raise WeightsError(f"{checkpoint} is damaged; delete it to begin anew.") from error
    if place := find_difference(before, made_from):
        raise WeightsError(
            f"{checkpoint} is of another training, with another {place}: choose another --out, or delete it "
            "to begin anew."
        )
    return done


def _build_trainer(
    iterations: int,
    recipe: Recipe,
    out: Path,
    callbacks: list[Callback],
    *,
    start: int,
    device: str,
    devices: int,
    nodes: int,
    progress: bool,
) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its banners and tips are not ours
    checkpoints = ModelCheckpoint(
        out,
        filename="last",
        every_n_train_steps=min(recipe.optimizer.checkpoint_iterations, iterations),
        enable_version_counter=False,
    )
    several = devices * nodes > 1 or "TORCHELASTIC_RUN_ID" in os.environ
    return lightning.Trainer(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if several else "auto",
        precision=recipe.optimizer.precision,
        max_steps=iterations,
        gradient_clip_val=recipe.optimizer.clip_norm or None,
        callbacks=[*callbacks, checkpoints, *([TQDMProgressBar(refresh_rate=10)] if progress else [])],
        logger=[MetricsLog(out, start=start), *_tensorboard(out)],
        log_every_n_steps=min(10, iterations),
        enable_progress_bar=progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _tensorboard(out: Path) -> list[Logger]:
    """A log for TensorBoard where it is installed; it comes with wildact's extra ``train``."""
    if importlib.util.find_spec("tensorboard") is None:
        return []
    return [TensorBoardLogger(out, name=None, version="tensorboard", default_hp_metric=False)]
