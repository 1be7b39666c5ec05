"""Poses: where feet, body and head are while an animal walks, runs, grazes, watches, rests or grooms."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import cos, pi, sin
from typing import Any

import numpy as np

from wildact.errors import UsageError
from wildact.simulate.bodies import BODIES, Gait

ACTIONS: tuple[str, ...] = ("walking", "running", "grazing", "vigilant", "resting", "grooming")


@dataclass(frozen=True, slots=True)
class Pose:
    """Joint parameters. Lengths are shares of the leg's length, angles radians.

    Attributes:
        fore_height: of the shoulder joints above ground; 1: standing.
        hind_height: of the hip joints.
        feet_x: of left hind, left fore, right hind, right fore foot, ahead of its joint.
        feet_y: of the feet above ground.
        neck_pitch: of the neck above the horizontal.
        neck_yaw: of the neck to the animal's left.
        head_pitch: of the head above the horizontal.
        head_yaw: of the head to the left, beyond the neck's.
        tail_pitch: of the tail above the horizontal.
        ears_back: 0: upright, 1: laid back.
        breath: swelling of the flanks, as a share of their radius.
    """

    fore_height: float = 1.0
    hind_height: float = 1.0
    feet_x: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    feet_y: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    neck_pitch: float = 0.7
    neck_yaw: float = 0.0
    head_pitch: float = -0.3
    head_yaw: float = 0.0
    tail_pitch: float = -0.9
    ears_back: float = 0.2
    breath: float = 0.0


def blend_poses(a: Pose, b: Pose, t: float) -> Pose:
    """The pose a share ``t`` of the way from ``a`` to ``b``, eased in and out."""
    s = t * t * (3 - 2 * t)
    mixed: dict[str, Any] = {}
    for item in fields(Pose):
        one, other = np.array(getattr(a, item.name)), np.array(getattr(b, item.name))
        value = one + (other - one) * s
        mixed[item.name] = tuple(value.tolist()) if value.ndim else float(value)
    return Pose(**mixed)


def compute_pose(species: str, action: str, phase: float, time_s: float, individual: float) -> Pose:
    """The pose of an animal at one instant.

    Args:
        species: a key of `BODIES`.
        action: one of `ACTIONS`.
        phase: cycles of the legs so far (walking, running, and the slow steps of grazing).
        time_s: seconds, for breathing, nodding and licking.
        individual: in [0, 1), so that two animals do not move alike.

    Raises:
        UsageError: if species or action is unknown.
    """
    if species not in BODIES or action not in ACTIONS:
        raise UsageError(f"there is no simulated '{species}' that is '{action}'.")
    body = BODIES[species]
    clock = 2 * pi * (time_s + 7 * individual)
    breath = 0.025 * sin(clock * 0.4)
    ease = body.carriage
    if action == "walking":
        return _going(body.walk, phase, 0.62, ease, -0.35, breath)
    if action == "running":
        return _going(body.run, phase, 1.0, ease * 0.55, -0.1, breath)
    if action == "grazing":
        return _grazing(species, phase, clock, individual, breath)
    if action == "vigilant":
        turn = 0.35 * sin(clock * 0.11) + 0.2 * sin(clock * 0.23 + 1)
        return Pose(
            fore_height=1.0 if species != "European hare" else 1.25,
            feet_x=(-0.12, 0.03, -0.04, -0.03),
            neck_pitch=min(1.25, ease + 0.5),
            neck_yaw=0.5 * turn,
            head_yaw=0.5 * turn,
            head_pitch=-0.08 if species != "wild boar" else 0.1,
            ears_back=0.0,
            breath=breath,
        )
    if action == "resting":
        low = 0.42 if species == "wild boar" else 0.3
        return Pose(
            fore_height=low,
            hind_height=low,
            feet_x=(0.45, 0.42, 0.4, 0.25),
            feet_y=(0.03, 0.02, 0.03, 0.02),
            neck_pitch=ease * 0.8 + 0.05 * sin(clock * 0.1),
            neck_yaw=0.25 * sin(clock * 0.05),
            head_pitch=-0.3,
            ears_back=0.35,
            tail_pitch=-0.3,
            breath=2 * breath,
        )
    return _grooming(species, clock, individual, breath)


def _going(gait: Gait, phase: float, reach: float, neck: float, head: float, breath: float) -> Pose:
    feet_x, feet_y = zip(*(_foot(phase + shift, gait, reach) for shift in gait.phases), strict=True)
    bob = cos(2 * pi * phase)
    sway = sin(4 * pi * phase) if gait.pitch < 0.05 else sin(2 * pi * phase)
    return Pose(
        fore_height=1 + gait.bounce * bob + gait.pitch * sway,
        hind_height=1 - gait.bounce * bob * (1 if gait.pitch < 0.05 else -1) - gait.pitch * sway,
        feet_x=feet_x,
        feet_y=feet_y,
        neck_pitch=neck + 0.09 * bob,
        head_pitch=head + 0.05 * bob,
        tail_pitch=-0.9 if gait.pitch < 0.05 else -0.05,
        ears_back=0.25 if gait.pitch < 0.05 else 0.8,
        breath=breath,
    )


def _foot(phase: float, gait: Gait, reach: float) -> tuple[float, float]:
    """Position of a foot: back along the ground while it stands, forward through the air."""
    p, half = phase % 1.0, 0.5 * reach
    if p < gait.duty:
        return half - 2 * half * p / gait.duty, 0.0
    swing = (p - gait.duty) / (1 - gait.duty)
    return -half + 2 * half * (0.5 - 0.5 * cos(pi * swing)), gait.lift * sin(pi * swing)


def _grazing(species: str, phase: float, clock: float, individual: float, breath: float) -> Pose:
    nibble = 0.07 * sin(clock * (0.9 + 0.4 * individual)) + 0.03 * sin(clock * 2.3)
    step = _going(BODIES[species].walk, phase, 0.4, 0.0, 0.0, breath)
    down = {"red deer": -0.95, "wild boar": -0.5, "red fox": -0.75, "European hare": -0.45}[species]
    return Pose(
        fore_height={"red deer": 0.94, "red fox": 0.9, "wild boar": 0.92}.get(species, 0.75),
        hind_height=0.98 if species != "European hare" else 0.8,
        feet_x=step.feet_x,
        feet_y=step.feet_y,
        neck_pitch=down + nibble,
        neck_yaw=0.25 * sin(clock * 0.13),
        head_pitch=-1.05 + 1.5 * nibble,
        ears_back=0.3,
        breath=breath,
    )


def _grooming(species: str, clock: float, individual: float, breath: float) -> Pose:
    lick = sin(clock * 1.6)
    side = 1.0 if individual < 0.5 else -1.0
    if species == "European hare":  # sits up and washes its face with the forepaws
        return Pose(
            fore_height=1.55,
            hind_height=0.62,
            feet_x=(0.35, 0.75, 0.35, 0.75),
            feet_y=(0.0, 1.25 + 0.15 * lick, 0.0, 1.25 - 0.15 * lick),
            neck_pitch=0.35,
            head_pitch=-0.75 + 0.15 * lick,
            ears_back=0.55,
            breath=breath,
        )
    sitting = species == "red fox"
    return Pose(
        fore_height=1.0,
        hind_height=0.55 if sitting else 0.99,
        feet_x=(0.4 if sitting else -0.08, 0.02, 0.4 if sitting else 0.04, -0.02),
        neck_pitch=0.1,
        neck_yaw=side * (1.5 + 0.06 * lick),
        head_pitch=-0.25 + 0.16 * lick,
        head_yaw=side * (0.95 + 0.12 * lick),
        ears_back=0.5,
        breath=breath,
    )
