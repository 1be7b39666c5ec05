import math
from pathlib import Path

import pytest
import torch
from torch import nn

from wildact.recipes import load_recipe
from wildact.recipes.schema import Schedule
from wildact.train.schedule import (
    build_optimizer,
    build_scheduler,
    iterate_learning_rates,
    learning_rate_factor,
)

SMALL_RECOGNIZER = str(Path(__file__).parents[1] / "small_recognizer.toml")


def test_warm_up_is_linear_and_cosine_ends_at_zero():
    schedule = Schedule(name="cosine", warmup_iterations=10, warmup_factor=0.1)
    factors = [learning_rate_factor(schedule, i, iterations=110, per_epoch=10) for i in range(111)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[5] == pytest.approx(0.55)
    assert factors[10] == pytest.approx(1)
    assert factors[60] == pytest.approx(0.5)
    assert factors[35] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert factors[110] == pytest.approx(0, abs=1e-12)


def test_constant_stays():
    schedule = Schedule(name="constant", warmup_iterations=0, warmup_factor=1)
    assert {learning_rate_factor(schedule, i, iterations=9, per_epoch=3) for i in range(20)} == {1.0}


def test_steps_in_iterations_do_not_depend_on_the_data_set():
    schedule = Schedule(name="step", step_iterations=5, gamma=0.1)
    for per_epoch in (1, 3, 1000):
        factors = [learning_rate_factor(schedule, i, iterations=15, per_epoch=per_epoch) for i in range(15)]
        assert factors == pytest.approx([1.0] * 5 + [0.1] * 5 + [0.01] * 5)


def test_the_optimiser_gets_the_schedule_iteration_by_iteration():
    recipe = load_recipe(SMALL_RECOGNIZER, ["optimizer.iterations=80"])
    model = nn.Linear(3, 3)
    optimizer = build_optimizer(recipe.optimizer, model.parameters())
    scheduler = build_scheduler(recipe, optimizer, 7)
    for i in range(80):
        expected = recipe.optimizer.learning_rate * learning_rate_factor(
            recipe.schedule, i, iterations=80, per_epoch=7
        )
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)
        optimizer.step()
        scheduler.step()


def test_biases_and_frozen_parameters_are_not_decayed():
    recipe = load_recipe(SMALL_RECOGNIZER)
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[0].requires_grad_(False)
    decayed, free = build_optimizer(recipe.optimizer, model.parameters()).param_groups
    assert [p.ndim for p in decayed["params"]] == [2]
    assert [p.ndim for p in free["params"]] == [1]
    assert free["weight_decay"] == 0


def test_sgd_has_momentum():
    recipe = load_recipe(SMALL_RECOGNIZER, ["optimizer.name=sgd", "optimizer.momentum=0.8"])
    optimizer = build_optimizer(recipe.optimizer, nn.Linear(2, 2).parameters())
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["momentum"] == 0.8


PER_EPOCH = 7


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18", "r2plus1d_18"])
def test_the_paper_s_video_resnets(name):
    """Section 4.4: 0.001, a tenth of it every 10 of 40 epochs."""
    rates = list(iterate_learning_rates(load_recipe(f"{name}_schindler2021"), PER_EPOCH))
    epochs = [0.001] * 10 + [0.0001] * 10 + [0.00001] * 10 + [0.000001] * 10
    assert rates == pytest.approx([rate for rate in epochs for _ in range(PER_EPOCH)], rel=1e-9)


def test_the_paper_s_mask_r_cnn():
    """Section 4.3: 0.0005, warmed up per iteration in the first epoch, a tenth every 10 of 30 epochs."""
    rates = list(iterate_learning_rates(load_recipe("maskrcnn_schindler2021"), PER_EPOCH))
    first = [0.0005 * (0.001 + 0.999 * i / PER_EPOCH) for i in range(PER_EPOCH)]
    rest = [rate for rate in [0.0005] * 9 + [0.00005] * 10 + [0.000005] * 10 for _ in range(PER_EPOCH)]
    assert rates == pytest.approx(first + rest, rel=1e-9)


def test_the_paper_s_slowfast():
    """Section 4.4: 0.1, cosine over 40 epochs, 5 of them a warm-up from 0.001."""
    rates = list(iterate_learning_rates(load_recipe("slowfast_schindler2021"), PER_EPOCH))
    cosine = [0.05 * (1 + math.cos(math.pi * i / (40 * PER_EPOCH))) for i in range(40 * PER_EPOCH)]
    warm = 5 * PER_EPOCH
    expected = [0.001 + (cosine[warm] - 0.001) * i / warm for i in range(warm)] + cosine[warm:]
    assert rates == pytest.approx(expected, rel=1e-9)
