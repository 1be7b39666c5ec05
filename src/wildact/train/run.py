"""One training run: a recipe and a data set in, a folder with weights, log and checkpoint out."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from torch import Tensor, nn

from wildact.backbones import Lite0, load_imagenet_package
from wildact.datasets import Dataset, load_dataset
from wildact.detect import build_detector
from wildact.errors import DatasetError, OutputError, WeightsError, WildactError
from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.recognize import build_recognizer, to_channels_last
from wildact.record import describe_environment, save_json
from wildact.train import detection, recognition
from wildact.train.log import MetricsLog
from wildact.train.schedule import build_optimizer, build_scheduler, iterations_per_epoch
from wildact.train.visits import Batches, Blocks
from wildact.weights import (
    BEST_FILE,
    WeightCard,
    find_weights,
    load_state_except_head,
    load_weights,
    save_weights,
)

Recipe = DetectionRecipe | RecognitionRecipe
PUBLISHED = ("coco", "kinetics400")
"""In a recipe: the published weights of its own network, trained on this."""
HEADS = {
    "detector": ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits."),
    "recognizer": ("fc.",),
}
Losses = Callable[[nn.Module, Sequence[Any]], dict[str, Tensor]]


class Training(lightning.LightningModule):
    """What Lightning's loop needs: a network, its losses, optimiser and schedule."""

    def __init__(self, model: nn.Module, recipe: Recipe, losses: Losses, *, per_epoch: int) -> None:
        super().__init__()
        self.model, self.recipe, self.losses, self.per_epoch = model, recipe, losses, per_epoch

    def training_step(self, batch: Sequence[Any], batch_idx: int) -> Tensor:
        """Sum of the losses of one batch; stops on a loss that is no number."""
        # what is drawn within a step depends on its number alone, also after a run was interrupted
        torch.manual_seed((self.recipe.seed << 32) + self.global_step)
        losses = self.losses(self.model, batch)
        total = torch.stack([value for name, value in losses.items() if name.startswith("loss")]).sum()
        if not math.isfinite(total.item()):
            raise WildactError(
                f"the loss of iteration {self.global_step} is {total.item()}: lower the learning rate, or "
                "set optimizer.clip_norm."
            )
        self.log_dict({name: value.detach() for name, value in losses.items()}, batch_size=len(batch))
        self.log("loss", total.detach(), prog_bar=True, batch_size=len(batch))
        self.log("learning_rate", self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        return total

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser, with a schedule that steps once per iteration."""
        optimizer = build_optimizer(self.recipe.optimizer, self.model.parameters())
        scheduler = build_scheduler(self.recipe, optimizer, self.per_epoch)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def train_recipe(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    workers: int = 1,
    device: str = "auto",
    progress: bool = True,
) -> WeightCard:
    """Train a network.

    Args:
        recipe: from `wildact.recipes.load_recipe`.
        data: folder of a data set in the native format.
        out: folder for ``best.safetensors`` with its card, ``last.ckpt``, ``metrics.csv``, ``record.json``.
            A run that was interrupted goes on from its last checkpoint.
        workers: processes that decode videos beside the one that trains.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: show a progress bar.

    Returns:
        The card of the trained weights.

    Raises:
        DatasetError: if the data set is broken, or has no labels for this kind of network.
    """
    started = time.perf_counter()
    dataset = load_dataset(data)
    if not any(video.tracks for video in dataset.videos):
        raise DatasetError(f"{data}: there is no labelled animal to train on.")
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, dataset)
    blocks: Blocks[Any]
    if isinstance(recipe, DetectionRecipe):
        blocks, losses = detection.build_blocks(dataset, recipe), detection.compute_losses
        per_visit = recipe.data.frames_per_video
        detection.prepare_model(model)
    else:
        blocks = recognition.build_blocks(dataset, recipe)
        losses, per_visit = partial(recognition.compute_losses, recipe=recipe), recipe.data.clips_per_video
    per_epoch = iterations_per_epoch(recipe, len(blocks.videos), per_visit)
    _make_folder(out)
    last = out / "last.ckpt"
    done = _iterations_done(last)
    trainer = _build_trainer(blocks.iterations, recipe, out, start=done, device=device, progress=progress)
    with warnings.catch_warnings():
        # a run that goes on finds its own checkpoint there, and its batches begin where that ended
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch")
        trainer.fit(
            Training(model, recipe, losses, per_epoch=per_epoch),
            Batches(blocks, workers=workers, start=done),
            ckpt_path=last if done else None,
        )
    wall_s = time.perf_counter() - started
    save_json(out / "record.json", _record(recipe, dataset, wall_s))
    return save_weights(out / BEST_FILE, model.state_dict(), make_card(recipe, dataset), dtype=torch.float16)


def build_model(recipe: Recipe, dataset: Dataset) -> nn.Module:
    """The recipe's network for the data set's classes, with its initial weights."""
    if isinstance(recipe, DetectionRecipe):
        model = build_detector(recipe.model.name, len(dataset.species), **recipe.model.architecture)
        model = model.to(memory_format=torch.channels_last)
    else:
        model = build_recognizer(recipe.model.name, len(dataset.actions), **recipe.model.architecture)
        model = to_channels_last(model)
    if recipe.model.initial == "imagenet":
        _load_imagenet(model)
    elif recipe.model.initial != "none":
        _load_initial(model, recipe)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(
            parameter.requires_grad and not name.startswith(recipe.model.frozen or ("\0",))
        )
    return model


def _load_initial(model: nn.Module, recipe: Recipe) -> None:
    """Weights of the same network; a head of another number of classes is left out, and that is logged."""
    known = recipe.model.initial in PUBLISHED
    path, card = find_weights(recipe.model.name if known else recipe.model.initial, recipe.kind)
    load_state_except_head(model, load_weights(path, card)[0], HEADS[recipe.kind])


def _load_imagenet(model: nn.Module) -> None:
    bodies = [module for module in model.modules() if isinstance(module, Lite0)]
    if not bodies:
        raise WeightsError("'imagenet' weights exist for networks on EfficientNet-Lite0 only.")
    load_imagenet_package(bodies[0])


def make_card(recipe: Recipe, dataset: Dataset) -> WeightCard:
    """The card of a network trained by this recipe on this data set."""
    if isinstance(recipe, DetectionRecipe):
        preprocessing: dict[str, Any] = {}
    else:
        keys = ("num_frames", "rate", "size", "context", "mean", "std")
        preprocessing = {key: getattr(recipe.data, key) for key in keys}
    return WeightCard(
        name=recipe.model.name,
        kind=recipe.kind,
        file=BEST_FILE,
        licence="Apache-2.0",
        classes=dataset.species if isinstance(recipe, DetectionRecipe) else dataset.actions,
        preprocessing=preprocessing,
        architecture=recipe.model.architecture,
        recipe=recipe.name,
        trained_on=str(dataset.facts.get("description", dataset.root.name)),
    )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made ({error.strerror}); choose another folder.") from error


def _iterations_done(checkpoint: Path) -> int:
    """Iterations after which a checkpoint was saved; 0 where there is none."""
    if not checkpoint.is_file():
        return 0
    try:
        return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])
    except Exception as error:  # a damaged file can raise anything
        raise WeightsError(f"{checkpoint} is damaged; delete it to begin anew.") from error


def _build_trainer(
    iterations: int, recipe: Recipe, out: Path, *, start: int, device: str, progress: bool
) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its banners and tips are not ours
    callbacks: list[Callback] = [
        ModelCheckpoint(
            out,
            filename="last",
            every_n_train_steps=recipe.optimizer.checkpoint_iterations,
            enable_version_counter=False,
        )
    ]
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return lightning.Trainer(
        accelerator=device,
        devices=1,
        max_steps=iterations,
        gradient_clip_val=recipe.optimizer.clip_norm or None,
        callbacks=callbacks,
        logger=MetricsLog(out / "metrics.csv", start=start),
        log_every_n_steps=min(10, iterations),
        enable_progress_bar=progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _record(recipe: Recipe, dataset: Dataset, wall_s: float) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "folder": dataset.root.name,
            "videos": len(dataset.videos),
            "tracks": sum(len(video.tracks) for video in dataset.videos),
            "facts": dict(dataset.facts),
        },
        "wall_s": round(wall_s, 1),
        "environment": describe_environment(),
    }
