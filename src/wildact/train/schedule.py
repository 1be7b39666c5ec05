"""The learning rate at each iteration, and the optimiser that uses it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.recipes.schema import Optimizer, Schedule

Recipe = DetectionRecipe | RecognitionRecipe


def learning_rate_factor(schedule: Schedule, iteration: int, *, iterations: int, per_epoch: int) -> float:
    """Share of the recipe's learning rate at an iteration.

    Args:
        schedule: from the recipe.
        iteration: from 0.
        iterations: in all.
        per_epoch: iterations of one round over the data set.

    Reference:
        Schindler & Steinhage 2021, sections 4.3 and 4.4: steps, and a warm-up per iteration. The cosine that
        a warm-up leads into is that of Feichtenhofer et al. 2019, SlowFast.
    """
    warmup = schedule.warmup_iterations or schedule.warmup_epochs * per_epoch
    if iteration >= warmup:
        return _after_warmup(schedule, iteration, warmup, iterations, per_epoch)
    end = _after_warmup(schedule, warmup, warmup, iterations, per_epoch)
    return schedule.warmup_factor + (end - schedule.warmup_factor) * iteration / warmup


def _after_warmup(schedule: Schedule, iteration: int, warmup: int, iterations: int, per_epoch: int) -> float:
    if schedule.name == "step":
        length = schedule.step_iterations or (schedule.step_epochs or 1) * per_epoch
        return float((schedule.gamma or 0) ** (iteration // length))
    if schedule.name == "constant":
        return 1.0
    start = warmup if schedule.cosine_after_warmup else 0
    done = min(1.0, (iteration - start) / max(1, iterations - start))
    return 0.5 * (1 + math.cos(math.pi * done))


def iterations_per_epoch(recipe: Recipe, videos: int, samples_per_visit: int) -> int:
    """Iterations in which every video is visited about once."""
    return max(1, round(videos * samples_per_visit / recipe.optimizer.batch_size))


def count_iterations(recipe: Recipe, videos: int, samples_per_visit: int) -> int:
    """Iterations of the whole training."""
    return recipe.optimizer.count_iterations(iterations_per_epoch(recipe, videos, samples_per_visit))


def build_optimizer(settings: Optimizer, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The recipe's optimiser; AdamW decays kernels and matrices only, as is usual."""
    trained = [p for p in parameters if p.requires_grad]
    if settings.name == "sgd":
        return torch.optim.SGD(
            trained, settings.learning_rate, settings.momentum, weight_decay=settings.weight_decay
        )
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, settings.learning_rate)


def build_scheduler(
    recipe: Recipe, optimizer: torch.optim.Optimizer, per_epoch: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Steps once per iteration.

    Args:
        recipe: says how.
        optimizer: whose learning rate is set.
        per_epoch: iterations of one round over the data set.
    """
    iterations = recipe.optimizer.count_iterations(per_epoch)
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda iteration: learning_rate_factor(
            recipe.schedule, iteration, iterations=iterations, per_epoch=per_epoch
        ),
    )


def iterate_learning_rates(recipe: Recipe, per_epoch: int) -> Iterator[float]:
    """The learning rate of every iteration of a training, from the scheduler that training uses."""
    optimizer = build_optimizer(recipe.optimizer, [nn.Parameter(torch.zeros(1, 1))])
    scheduler = build_scheduler(recipe, optimizer, per_epoch)
    for _ in range(recipe.optimizer.count_iterations(per_epoch)):
        yield float(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
