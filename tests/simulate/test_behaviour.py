"""Plans: plausible speeds, actions in bouts, all six in use."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from wildact.simulate.animals import ACTIONS, SPECIES, Animal
from wildact.simulate.behaviour import MOVING, STEP_S, Plan, plan_animals
from wildact.simulate.habitats import HABITATS
from wildact.simulate.scene import Scene, build_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return build_scene(160, 90, HABITATS[1], np.random.default_rng(0))


def plans(
    scene: Scene, number: int, seed: int, seconds: float = 8.0
) -> tuple[list[Animal], tuple[Plan, ...]]:
    rng = np.random.default_rng(seed)
    animals = [Animal(SPECIES[k % len(SPECIES)], rng) for k in range(number)]
    return animals, plan_animals(animals, scene, seconds, rng)


def test_the_same_seed_gives_the_same_plan(scene: Scene) -> None:
    a, b = plans(scene, 3, 5)[1], plans(scene, 3, 5)[1]
    assert all(np.array_equal(x.position, y.position) for x, y in zip(a, b, strict=True))


def test_nobody_moves_faster_than_its_species_runs_or_leaves_the_ground(scene: Scene) -> None:
    for seed in range(8):
        for animal, plan in zip(*plans(scene, 4, seed), strict=True):
            speed = np.hypot(*np.diff(plan.position, axis=0).T) / STEP_S
            assert speed.max() <= 1.01 * animal.speed_m_s("running")
            assert plan.position[:, 1].min() >= scene.near_m - 1e-6


def test_who_rests_stays_where_it_is(scene: Scene) -> None:
    still = ACTIONS.index("resting")
    checked = 0
    for seed in range(30):
        for plan in plans(scene, 2, seed)[1]:
            settled = (plan.action == still) & (plan.since_s > 2.0)
            places = plan.position[settled]
            if len(places) > 5:
                assert np.ptp(places, axis=0).max() < 0.02
                checked += 1
    assert checked > 3


def test_all_six_actions_come_often_and_running_in_short_bouts(scene: Scene) -> None:
    seconds: Counter[str] = Counter()
    bouts = []
    for seed in range(40):
        for plan in plans(scene, 4, seed)[1]:
            visible = np.abs(plan.position[:, 0]) < [scene.view.half_width_m(z) for z in plan.position[:, 1]]
            seconds.update(ACTIONS[k] for k in plan.action[visible])
            change = np.flatnonzero(np.diff(plan.action)) + 1
            bouts += [(ACTIONS[plan.action[a]], (b - a) * STEP_S) for a, b in pairwise(change)]
    total = sum(seconds.values())
    assert set(seconds) == set(ACTIONS)
    assert min(seconds.values()) > 0.08 * total
    assert seconds["running"] > 0.1 * total
    assert all(length < 4.1 for action, length in bouts if action == "running")
    assert all(length > 2.4 for action, length in bouts if action not in MOVING)


def test_a_state_between_two_steps_lies_between_them(scene: Scene) -> None:
    plan = plans(scene, 1, 3)[1][0]
    a, middle, b = (plan.at(k * STEP_S) for k in (10, 10.5, 11))
    assert middle.x == pytest.approx((a.x + b.x) / 2)
    assert middle.z == pytest.approx((a.z + b.z) / 2)
    assert middle.action == a.action
