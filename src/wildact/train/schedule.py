"""The learning rate at each iteration, and the optimiser that uses it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from wildact.recipes import DetectionRecipe, RecognitionRecipe
from wildact.recipes.schema import Optimizer, Schedule


def learning_rate_factor(schedule: Schedule, iteration: int, iterations: int) -> float:
    """Share of the highest learning rate at an iteration.

    Args:
        schedule: from the recipe.
        iteration: from 0.
        iterations: in all.
    """
    if iteration < schedule.warmup_iterations:
        done = iteration / schedule.warmup_iterations
        return schedule.warmup_factor + (1 - schedule.warmup_factor) * done
    if schedule.name == "constant":
        return 1.0
    left = iterations - schedule.warmup_iterations
    done = min(1.0, (iteration - schedule.warmup_iterations) / max(1, left))
    return 0.5 * (1 + math.cos(math.pi * done))


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
    recipe: DetectionRecipe | RecognitionRecipe, optimizer: torch.optim.Optimizer
) -> torch.optim.lr_scheduler.LambdaLR:
    """Steps once per iteration."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda iteration: learning_rate_factor(recipe.schedule, iteration, recipe.optimizer.iterations),
    )
