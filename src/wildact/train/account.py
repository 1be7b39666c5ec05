"""What a training run was, for its ``record.json``: data, start, settings in force, time, scores."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from wildact.datasets import Dataset
from wildact.datasets.clip_list import CLIPS
from wildact.datasets.native.raw import ACTIONS, ANNOTATIONS
from wildact.datasets.stats import count_seconds, count_tracks
from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.record import NOT_RECORDED, describe_environment, plain_values
from wildact.simulate.dataset import GENERATOR
from wildact.train.visits import Batches
from wildact.weights import WeightCard, compute_sha256

LABEL_FILES = (ACTIONS, ANNOTATIONS, CLIPS)

VALIDATION_SPLIT = "val"
"""Split that the best weights, or thresholds, are chosen on, where a data set names splits."""


class Account(Callback):
    """Counts what a run takes; goes on counting where a run was interrupted.

    Attributes:
        made_from: what decides the outcome, kept in checkpoints: see `describe_training`.
        wall_s: seconds of training, data loading and validation included.
        waited_s: seconds of them for which the network waited for samples.
        iterations: done.
        learning_rates: lowest and highest that were applied.
    """

    def __init__(self, batches: Batches[Any], made_from: Mapping[str, Any]) -> None:
        self.batches, self.made_from = batches, made_from
        self.wall_s = self.waited_s = 0.0
        self.iterations = 0
        self.learning_rates: tuple[float, float] | None = None
        self._earlier = (0.0, 0.0)

    def on_train_start(self, *_: Any) -> None:
        """Begin to count."""
        self._began = time.perf_counter()

    def on_train_batch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Note the learning rate that is about to be applied."""
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        low, high = self.learning_rates or (rate, rate)
        self.learning_rates = (min(low, rate), max(high, rate))

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Add up."""
        self.iterations = trainer.global_step
        wall_s, waited_s = self._earlier
        self.wall_s = wall_s + time.perf_counter() - self._began
        self.waited_s = waited_s + self.batches.waited_s

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "wall_s": self.wall_s,
            "waited_s": self.waited_s,
            "iterations": self.iterations,
            "learning_rates": self.learning_rates,
            "made_from": dict(self.made_from),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a checkpoint kept."""
        self.wall_s, self.waited_s = self._earlier = state_dict["wall_s"], state_dict["waited_s"]
        self.iterations = state_dict["iterations"]
        self.learning_rates = state_dict["learning_rates"]


def describe_training(
    recipe: DetectionRecipe | RecognitionRecipe,
    initial: Mapping[str, Any],
    training: Mapping[str, Any],
    validation: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What a run must have in common with the one whose checkpoint it goes on from.

    Args:
        recipe: with every default filled in; how often is saved may change.
        initial: of `describe_initial`.
        training: of `describe_dataset`; the folder may be another.
        validation: the same of the videos for validation, if any.
    """
    plan = recipe.model_dump(mode="json", exclude={"optimizer": {"checkpoint_iterations"}})
    labels = {
        name: [*data["sha256"].values(), *data["splits"]] if data else []
        for name, data in (("training", training), ("validation", validation))
    }
    return {"recipe": plain_values(plan), "initial": plain_values(initial), "labels": labels}


def find_difference(one: Any, other: Any, at: str = "") -> str | None:
    """Where two nests of plain values differ first: ``recipe.optimizer.batch_size``; None: nowhere."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if found := find_difference(one.get(key), other.get(key), f"{at}.{key}".lstrip(".")):
                return found
        return None
    return None if one == other else at


def hash_labels(roots: Sequence[Path]) -> dict[str, str]:
    """Return the checksum of each label file of data sets, by folder and file name."""
    files = [path for root in roots for name in LABEL_FILES if (path := root / name).is_file()]
    names = [path.name if len(roots) == 1 else f"{path.resolve().parent.name}/{path.name}" for path in files]
    if len(set(names)) < len(names):  # folders of the same name
        names = [f"{number} {name}" for number, name in enumerate(names, 1)]
    return {name: compute_sha256(path) for name, path in zip(names, files, strict=True)}


def describe_dataset(dataset: Dataset, roots: Sequence[Path] = ()) -> dict[str, Any]:
    """Counts per class, and checksums by which the labels can be told apart.

    Args:
        dataset: of one folder, or joined of several.
        roots: the folders; none: that of the data set alone.
    """
    roots = roots or [dataset.root]
    seconds = count_seconds(dataset.videos, dataset.actions)
    return {
        "folder": " + ".join(root.name for root in roots),
        "sha256": hash_labels(roots),
        "splits": sorted({video.split for video in dataset.videos if video.split is not None}),
        "videos": len(dataset.videos),
        "sites": len({video.site for video in dataset.videos}),
        "cameras": len({(video.site, video.camera) for video in dataset.videos}),
        "tracks": count_tracks(dataset.videos, dataset.species),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "facts": dict(dataset.facts),
    }


def make_record(
    recipe: DetectionRecipe | RecognitionRecipe,
    training: Mapping[str, Any],
    validation: Mapping[str, Any] | None,
    account: Account,
    *,
    initial: Mapping[str, Any],
    processes: int,
    scores: Mapping[str, Any],
) -> dict[str, Any]:
    """Plain values; what is not known reads ``not recorded``.

    Args:
        recipe: with every default filled in.
        training: of `describe_dataset`.
        validation: the same of what was scored on, if any.
        account: of the run.
        initial: of `describe_initial`.
        processes: that trained together.
        scores: of the weights that were kept, with their iteration; empty without validation.
    """
    samples = account.iterations * recipe.optimizer.batch_size
    record = {
        "recipe": recipe.model_dump(mode="json"),
        "initial": initial,
        "data": {
            "training": training,
            "validation": validation or "none",
        },
        "seed": recipe.seed,
        "batch_size": {
            "total": recipe.optimizer.batch_size,
            "per_device": recipe.optimizer.batch_size // processes,
            "devices": processes,
        },
        "learning_rate": {
            "lowest": account.learning_rates[0] if account.learning_rates else NOT_RECORDED,
            "highest": account.learning_rates[1] if account.learning_rates else NOT_RECORDED,
        },
        "iterations": account.iterations,
        "wall_s": round(account.wall_s, 1),
        "samples_per_s": round(samples / account.wall_s, 2) if account.wall_s else NOT_RECORDED,
        "waiting_share": round(account.waited_s / account.wall_s, 3) if account.wall_s else NOT_RECORDED,
        "scores": scores or NOT_RECORDED,
        "environment": describe_environment(),
    }
    return {key: plain_values(value) for key, value in record.items()}


def make_card(
    recipe: DetectionRecipe | RecognitionRecipe, dataset: Dataset, file: str, parts: Sequence[Dataset] = ()
) -> WeightCard:
    """Return the card of a network.

    Args:
        recipe: by which it is trained.
        dataset: on which it is trained.
        file: name of the weights file.
        parts: the data sets that ``dataset`` joins.
    """
    if isinstance(recipe, DetectionRecipe):
        preprocessing: dict[str, Any] = {}
    else:
        keys = ("num_frames", "rate", "size", "aspect", "context", "mean", "std")
        preprocessing = {key: getattr(recipe.data, key) for key in keys}
    return WeightCard(
        name=recipe.model.name,
        kind=recipe.kind,
        file=Path(file).name,
        licence="Apache-2.0",
        classes=dataset.species if isinstance(recipe, DetectionRecipe) else dataset.actions,
        preprocessing=preprocessing,
        architecture=recipe.model.architecture,
        recipe=recipe.name,
        trained_on_simulation=dataset.facts.get("generator") == GENERATOR,
        trained_on="; ".join(_describe_part(part) for part in parts) or _describe_part(dataset),
        notes=recipe.notes,
        min_score=recipe.min_score if isinstance(recipe, DetectionRecipe) else None,
    )


def _describe_part(dataset: Dataset) -> str:
    """Return number, folder and description of a data set."""
    stills = all(video.info.frames == 1 for video in dataset.videos)
    splits = sorted({video.split for video in dataset.videos if video.split})
    name = " ".join([dataset.root.resolve().name, *splits])
    described = f": {text}" if (text := dataset.facts.get("description")) else ""
    return f"{len(dataset.videos)} {'images' if stills else 'videos'} of {name}{described}"
