"""What the animals of a clip do: actions in bouts, and paths on the ground.

An animal's actions are a Markov chain with bout lengths drawn for each action; while it walks or runs it
steers towards targets on the ground, keeps clear of the others, and comes in or leaves at the sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wildact.simulate.animals import ACTIONS, Animal
from wildact.simulate.scene import Scene
from wildact.types import Float64, Int64

STEP_S = 1 / 30
"""Time step of the simulation, seconds; independent of the video's frame rate."""

MOVING = ("walking", "running")

GO_ON_S = 0.3
"""An animal that would stop behind a tree goes on for so long: what stays hidden triggers no camera."""

_NEXT: dict[str, dict[str, float]] = {
    "walking": {"grazing": 0.20, "vigilant": 0.18, "running": 0.36, "grooming": 0.14, "resting": 0.12},
    "running": {"vigilant": 0.34, "walking": 0.30, "grazing": 0.16, "grooming": 0.10, "resting": 0.10},
    "grazing": {"vigilant": 0.24, "walking": 0.20, "running": 0.28, "grooming": 0.16, "resting": 0.12},
    "vigilant": {"running": 0.42, "walking": 0.14, "grazing": 0.16, "grooming": 0.14, "resting": 0.14},
    "resting": {"grooming": 0.40, "vigilant": 0.26, "walking": 0.14, "running": 0.20},
    "grooming": {"vigilant": 0.22, "grazing": 0.18, "walking": 0.16, "running": 0.22, "resting": 0.22},
}
_FIRST = {
    "walking": 0.08, "running": 0.16, "grazing": 0.16, "vigilant": 0.12, "resting": 0.26, "grooming": 0.22,
}  # fmt: skip
_TURN_RAD_S = {"walking": 1.3, "running": 2.2}


@dataclass(frozen=True, slots=True)
class State:
    """One animal at one moment.

    Attributes:
        x: metres to the right of the optical axis.
        z: metres from the camera.
        heading: radians on the ground: 0 to the right, pi/2 away from the camera.
        action: what it does.
        phase: strides made so far.
        before: the action before this one.
        since_s: seconds since the action began.
    """

    x: float
    z: float
    heading: float
    action: str
    phase: float
    before: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What one animal does during a clip, in steps of ``STEP_S``.

    Attributes:
        position: (S, 2) float64 x and z, metres.
        heading: (S,) float64 radians, continuous.
        phase: (S,) float64 strides made so far.
        action: (S,) int64 index into ``ACTIONS``.
        before: (S,) int64 index of the action before.
        since_s: (S,) float64 seconds since the action began.
    """

    position: Float64
    heading: Float64
    phase: Float64
    action: Int64
    before: Int64
    since_s: Float64

    def at(self, time_s: float) -> State:
        """The animal at a time, between the steps linearly."""
        place = min(max(time_s / STEP_S, 0.0), len(self.phase) - 1.001)
        k, t = int(place), place - int(place)
        x, z = self.position[k] * (1 - t) + self.position[k + 1] * t
        phase = float(self.phase[k] * (1 - t) + self.phase[k + 1] * t)
        return State(
            x=float(x),
            z=float(z),
            heading=float(self.heading[k] * (1 - t) + self.heading[k + 1] * t),
            action=ACTIONS[self.action[k]],
            phase=phase,
            before=ACTIONS[self.before[k]],
            since_s=float(self.since_s[k] + t * STEP_S),
        )


def plan_animals(
    animals: Sequence[Animal], scene: Scene, seconds: float, rng: np.random.Generator
) -> tuple[Plan, ...]:
    """Let the animals live together for ``seconds``.

    Args:
        animals: who they are.
        scene: where they are.
        seconds: length of the clip.
        rng: of the clip.
    """
    movers = [_Mover(animal, scene, seconds, rng) for animal in animals]
    for step in range(int(np.ceil(seconds / STEP_S)) + 3):
        for mover in movers:
            mover.step(step * STEP_S, [other for other in movers if other is not mover])
    return tuple(mover.plan() for mover in movers)


class _Mover:
    """One animal while its plan is made."""

    def __init__(self, animal: Animal, scene: Scene, seconds: float, rng: np.random.Generator) -> None:
        self.animal, self.scene, self.view, self.rng = animal, scene, scene.view, rng
        self.low, self.high = _depth_range(animal, scene, rng)
        self.lane = rng.uniform(self.low, self.high)
        self.leaves_at = rng.uniform(0.35, 0.9) * seconds if rng.random() < 0.35 else np.inf
        self.leaving = False
        self.speed = 0.0
        self.phase = rng.uniform(0, 10)
        self.since = 10.0
        self.rows: list[tuple[float, ...]] = []
        if rng.random() < 0.42:
            self._start_outside()
        else:
            self._start_inside()
        self.before = self.action
        self.left_s = self._bout_s(self.action) * rng.uniform(0.4, 1.0)

    def _start_outside(self) -> None:
        side = self.rng.choice([-1.0, 1.0])
        x = side * (self.view.half_width_m(self.lane) + self.animal.length_m * self.rng.uniform(0.6, 1.0))
        self.position = np.array([x, self.lane])
        self.heading = np.pi if side > 0 else 0.0
        self.action = "running" if self.rng.random() < 0.5 else "walking"
        self.speed = self.animal.speed_m_s(self.action)
        self.target = np.array(
            [-side * self.rng.uniform(0.1, 0.9) * self.view.half_width_m(self.lane), self.lane]
        )

    def _start_inside(self) -> None:
        for _ in range(8):  # rather not behind a tree
            x = self.rng.uniform(-0.8, 0.8) * self.view.half_width_m(self.lane)
            if not self._hidden(x, self.lane):
                break
            self.lane = self.rng.uniform(self.low, self.high)
        self.position = np.array([x, self.lane])
        self.heading = float(self.rng.choice([0.0, np.pi]) + self.rng.normal(0, 0.7))
        self.action = str(self.rng.choice(list(_FIRST), p=list(_FIRST.values())))
        self.target = self._new_target()

    def _hidden(self, x: float, z: float) -> bool:
        """Whether half of the animal or more would be hidden there, standing sideways."""
        places = np.array([-0.35, 0.0, 0.35]) * self.animal.length_m + x
        height_m = 0.7 * self.animal.shoulder_height_m
        return sum(self.scene.hides(float(place), z, height_m) for place in places) > 1

    def _new_target(self) -> Float64:
        wide = self.rng.random() < 0.3
        z = self.rng.uniform(self.low, self.high) if wide else self.lane + self.rng.normal(0, 0.7)
        z = float(np.clip(z, self.low, self.high))
        here = self.position[0] / self.view.half_width_m(float(self.position[1]))
        x = float(np.clip(self.rng.uniform(-0.85, 0.85) - 0.5 * here, -0.85, 0.85))
        return np.array([x * self.view.half_width_m(z), z])

    def _bout_s(self, action: str) -> float:
        return float(self.rng.uniform(1.5, 4.0) if action == "running" else self.rng.uniform(3.0, 9.0))

    def step(self, time_s: float, others: list[_Mover]) -> None:
        """Note the present state, then go on by one step."""
        index = (ACTIONS.index(self.action), ACTIONS.index(self.before))
        self.rows.append((*self.position, self.heading, self.phase, *index, self.since))
        self.since += STEP_S
        self.left_s -= STEP_S
        if self.left_s <= 0:
            if self.action in MOVING and time_s < self.leaves_at and self._hidden(*self.position):
                self.left_s = GO_ON_S
            else:
                self._change_action(time_s)
        self._move(others)

    def _change_action(self, time_s: float) -> None:
        if time_s >= self.leaves_at:
            self._leave()
            return
        choices = _NEXT[self.action]
        weights = np.array(list(choices.values()))
        self._begin(str(self.rng.choice(list(choices), p=weights / weights.sum())))
        self.left_s = self._bout_s(self.action)
        self.target = self._new_target()

    def _leave(self) -> None:
        side = 1.0 if np.cos(self.heading) >= 0 else -1.0
        z = float(np.clip(self.position[1] + self.rng.normal(0, 1), self.low, self.high))
        self.target = np.array([side * (self.view.half_width_m(z) + 8 + self.animal.length_m), z])
        self._begin("running" if self.rng.random() < 0.5 else "walking")
        self.leaving, self.left_s = True, np.inf

    def _begin(self, action: str) -> None:
        if action != self.action:
            self.before, self.action, self.since = self.action, action, 0.0

    def _move(self, others: list[_Mover]) -> None:
        wanted = self.animal.speed_m_s(self.action)
        self.speed += (wanted - self.speed) * (1 - np.exp(-STEP_S / 0.22))
        self.phase += self.speed * STEP_S / self.animal.stride_m(self.action)
        if self.action in MOVING:
            self._steer(others)
        heading = np.array([np.cos(self.heading), np.sin(self.heading)])
        self.position = self.position + heading * self.speed * STEP_S
        self.position[1] = np.clip(self.position[1], self.low, self.high)

    def _steer(self, others: list[_Mover]) -> None:
        towards = self.target - self.position
        if not self.leaving and np.hypot(*towards) < 0.7:
            self.target = self._new_target()
            towards = self.target - self.position
        for other in others:
            apart = self.position - other.position
            distance = float(np.hypot(*apart)) + 1e-3
            if distance < 1.3:
                towards = towards + apart / distance * (1.3 - distance) * 4
        turn = np.arctan2(towards[1], towards[0]) - self.heading
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
        most = _TURN_RAD_S[self.action] * STEP_S
        self.heading += float(np.clip(turn, -most, most))

    def plan(self) -> Plan:
        rows = np.array(self.rows, np.float64)
        return Plan(
            position=rows[:, 0:2],
            heading=rows[:, 2],
            phase=rows[:, 3],
            action=rows[:, 4].astype(np.int64),
            before=rows[:, 5].astype(np.int64),
            since_s=rows[:, 6],
        )


def _depth_range(animal: Animal, scene: Scene, rng: np.random.Generator) -> tuple[float, float]:
    """Nearest and farthest distance at which the animal is neither a speck nor larger than the picture."""
    largest = 0.75 if rng.random() < 0.15 else 0.45
    px_m = scene.view.focal_px * animal.shoulder_height_m
    low = max(scene.near_m, px_m / (largest * scene.view.height))
    high = min(scene.far_m, px_m / (0.065 * scene.view.height))
    return min(low, scene.far_m - 1.5), max(high, low + 1.5)
