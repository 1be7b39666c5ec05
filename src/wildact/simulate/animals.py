"""One animal: a skeleton in three dimensions, posed, turned, and drawn as a soft, furred body.

Joints are metres in the animal's own frame: x ahead, y up, z to its left, 0 on the ground below the middle
of the trunk. They are turned by the heading and projected as seen from slightly above; parts are painted
from far to near.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from wildact.errors import UsageError
from wildact.simulate.bodies import BODIES, Body, Colour
from wildact.simulate.gait import ACTIONS, Pose, blend_poses, compute_pose
from wildact.types import Image

__all__ = ["ACTIONS", "SPECIES", "Animal", "Pose", "Sprite", "blend_poses", "compute_pose"]

SPECIES: tuple[str, ...] = tuple(BODIES)
LOOK_DOWN = 0.16  # radians: a camera trap hangs at hip height and looks slightly down
FINE = 2  # drawn so many times larger, then averaged: smooth borders

Point = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn animal.

    Attributes:
        image: (h, w, 3) uint8 RGB in neutral light, not premultiplied.
        alpha: (h, w) uint8 coverage.
        anchor: x, y in the sprite of the ground below the middle of the trunk, pixels.
        eyes: x, y of the eyes that the camera sees.
        eye_radius: pixels.
    """

    image: Image
    alpha: Image
    anchor: tuple[float, float]
    eyes: tuple[tuple[float, float], ...]
    eye_radius: float


@dataclass(frozen=True, slots=True)
class _Part:
    """A chain of balls, painted as one tapered limb."""

    points: Point  # (K, 3) metres
    radii: tuple[float, ...]
    colour: Colour
    nearer: float = 0.0  # metres that the part is painted nearer than its middle lies


class Animal:
    """One individual of a species: its size, coat and sex drawn at random."""

    def __init__(self, species: str, rng: np.random.Generator) -> None:
        if species not in BODIES:
            raise UsageError(f"there is no simulated '{species}'; there are: {', '.join(SPECIES)}.")
        self.species = species
        self.body: Body = BODIES[species]
        self.size = float(rng.uniform(0.87, 1.12))
        self.individual = float(rng.random())
        self.antlers = self.body.antlers and rng.random() < 0.4
        self.points = int(rng.integers(2, 5))
        self.tint = rng.normal(1.0, 0.05, 3) * rng.normal(1.0, 0.1)
        self.fur = _fur(rng)
        self.shoulder_height_m = self.size * (self.body.shoulder + self.body.radii[0] * 0.75)
        self.length_m = self.size * (
            self.body.trunk + self.body.radii[0] + self.body.neck[0] + self.body.head[0]
        )

    def speed_m_s(self, action: str) -> float:
        """Metres per second over the ground."""
        speeds = {"walking": self.body.walk.speed_m_s, "running": self.body.run.speed_m_s, "grazing": 0.06}
        return self.size * speeds.get(action, 0.0)

    def stride_m(self, action: str) -> float:
        """Metres per cycle of the legs."""
        gait = self.body.run if action == "running" else self.body.walk
        return self.size * gait.stride_m

    def render(self, pose: Pose, px_per_m: float, heading: float) -> Sprite:
        """Draw the animal.

        Args:
            pose: of its joints.
            px_per_m: scale.
            heading: radians; 0: to the right, pi/2: away from the camera, pi: to the left.
        """
        scale = px_per_m * self.size * FINE
        parts = self._parts(pose)
        turned = [(part, _project(part.points, heading)) for part in parts]
        reach = max(max(part.radii) for part in parts) + 0.02
        every = np.concatenate([points for _, points in turned])
        low, high = every[:, :2].min(axis=0) - reach, every[:, :2].max(axis=0) + reach
        low = np.minimum(low, [0.0, 0.0])
        origin = np.array([-low[0], high[1]])
        width, height = (np.ceil((high - low) * scale / FINE).astype(int) * FINE + FINE).tolist()
        canvas = np.zeros((height, width, 3), np.uint8)
        cover = np.zeros((height, width), np.uint8)
        order = sorted(turned, key=lambda item: -(item[1][:, 2].mean() - item[0].nearer))
        depths = [points[:, 2].mean() for _, points in turned]
        spread = max(max(depths) - min(depths), 0.2)
        for part, points in order:
            shade = (
                1 - 0.28 * (points[:, 2].mean() - min(depths)) / spread
            )  # what is far lies in the body's shade
            colour = np.clip(np.array(part.colour) * self.tint * shade, 4, 250).tolist()
            places = (np.array([1, -1]) * points[:, :2] + origin) * scale
            _paint(canvas, cover, places, [r * scale for r in part.radii], colour)
        size = (width // FINE, height // FINE)
        alpha = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.uint8)
        image = self._furred(canvas, cover, size, alpha)
        eyes = self._eyes(parts, heading)
        return Sprite(
            image=image,
            alpha=alpha,
            anchor=(float(origin[0] * scale / FINE), float(origin[1] * scale / FINE)),
            eyes=tuple(tuple(((np.array([1, -1]) * eye + origin) * scale / FINE).tolist()) for eye in eyes),
            eye_radius=max(0.8, 0.013 * px_per_m * (0.6 + 0.4 * self.size)),
        )

    def _furred(self, canvas: Image, cover: Image, size: tuple[int, int], alpha: Image) -> Image:
        """Soften the seams between parts, then light from above and streaks of fur."""
        height = size[1]
        colour = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        weight = np.maximum(alpha.astype(np.float32) / 255, 1e-3)
        seam = max(1, round(0.02 * height)) * 2 + 1
        blurred = cv2.blur(colour, (seam, seam))
        norm = cv2.blur(np.where(alpha > 0, weight, 0).astype(np.float32), (seam, seam))
        smooth = blurred / np.maximum(norm, 1e-2)[..., None]
        solid = colour / weight[..., None]
        wide = max(1, round(0.07 * height)) * 2 + 1
        inside = cv2.blur(cv2.blur(alpha, (wide, wide)), (wide, wide)).astype(np.float32) / 255
        light = cv2.Sobel(inside, cv2.CV_32F, 0, 1, ksize=1) * (height / 2)  # grows where the body turns down
        fur = cv2.resize(self.fur, size, interpolation=cv2.INTER_LINEAR)
        factor = (1 + np.clip(light * 0.13, -0.3, 0.25)) * fur
        mixed = (0.55 * smooth + 0.45 * solid) * factor[..., None]
        return np.asarray(np.clip(mixed, 0, 255), np.uint8)

    # -- the skeleton ---------------------------------------------------------------------------------------

    def _parts(self, pose: Pose) -> list[_Part]:
        body = self.body
        half = body.trunk / 2
        shoulder = np.array([half, body.shoulder * pose.fore_height, 0.0])
        hip = np.array([-half, body.hip * pose.hind_height, 0.0])
        chest, belly, rump = (r * (1 + pose.breath) for r in body.radii)
        up = np.array([0.0, 1.0, 0.0])
        top = shoulder + up * max(
            0.15 * chest, 0.95 * chest - shoulder[1]
        )  # a lying trunk rests on the ground
        bottom = hip + up * max(0.0, 0.95 * rump - hip[1])
        middle = (top + bottom) / 2 + up * (rump - belly) * 0.5
        parts = [_Part(np.array([top, middle, bottom]), (chest, belly, rump), body.coat)]
        low = np.array([0, -0.42, 0])
        parts.append(
            _Part(
                np.array([top + low * chest, middle + low * belly, bottom + low * rump]),
                (chest * 0.66, belly * 0.66, rump * 0.6),
                body.belly,
                nearer=0.005,
            )
        )
        if body.crest:
            back = np.array([0, 0.85, 0])
            crest = np.array(
                [top + back * chest + [0.1, 0, 0], top + back * chest * 1.05, middle + back * belly]
            )
            parts.append(_Part(crest, (0.05, 0.055, 0.03), (46, 40, 36), nearer=0.02))
        parts += self._legs(pose, shoulder, hip)
        parts += self._tail(pose, bottom, rump)
        parts += self._neck_and_head(pose, top, chest)
        return parts

    def _legs(self, pose: Pose, shoulder: Point, hip: Point) -> list[_Part]:
        body, parts = self.body, []
        for i, side in enumerate((1, 1, -1, -1)):
            fore = i % 2 == 1
            joint = (shoulder if fore else hip).copy()
            radius = body.radii[0 if fore else 2]
            joint[2] = side * radius * body.width * 0.55
            length = body.shoulder if fore else body.hip
            foot = np.array(
                [
                    joint[0] + pose.feet_x[i] * length,
                    body.legs[2] * 0.8 + pose.feet_y[i] * length,
                    joint[2] * 0.9,
                ]
            )
            knee = _bend(joint, foot, length * (0.5 if fore else 0.56), length * 0.55, 1.0 if fore else -1.0)
            toe = foot + np.array([body.legs[2] * 1.6, 0, 0])
            upper = body.legs[0] if fore else body.thigh
            root = joint + np.array([0.0, -0.15 * radius, -0.25 * joint[2]])
            parts.append(_Part(np.array([root, knee]), (upper, body.legs[1]), body.coat, nearer=0.01))
            parts.append(
                _Part(
                    np.array([knee, foot, toe]), (body.legs[1], body.legs[2], body.legs[2] * 0.85), body.leg
                )
            )
        return parts

    def _tail(self, pose: Pose, bottom: Point, rump: float) -> list[_Part]:
        body = self.body
        length, root, middle = body.tail
        start = bottom + np.array([-0.8 * rump, 0.35 * rump, 0])
        along = np.array([-cos(pose.tail_pitch), sin(pose.tail_pitch), 0])
        points = np.array([start, start + along * length * 0.5, start + along * length * 0.85])
        points[:, 1] = np.maximum(points[:, 1], middle)
        tip = points[2] + along * length * 0.15
        tip[1] = max(tip[1], middle * 0.5)
        parts = [
            _Part(points, (root, middle, middle * 0.8), body.tail_colour, nearer=-0.02),
            _Part(np.array([points[2], tip]), (middle * 0.8, middle * 0.35), body.tail_tip, nearer=-0.01),
        ]
        if body.rump is not None:
            patch = bottom + np.array([-0.62 * rump, 0.12 * rump, 0])
            parts.append(
                _Part(
                    np.array([patch, patch - [0, 0.4 * rump, 0]]),
                    (0.5 * rump, 0.4 * rump),
                    body.rump,
                    nearer=-0.03,
                )
            )
        return parts

    def _neck_and_head(self, pose: Pose, top: Point, chest: float) -> list[_Part]:
        body = self.body
        neck = _direction(pose.neck_pitch, pose.neck_yaw)
        start = top + np.array([0.55 * chest, 0.3 * chest, 0])
        nape = start + neck * body.neck[0]
        nape[1] = max(nape[1], body.head[1])
        snout = _direction(pose.head_pitch, pose.neck_yaw + pose.head_yaw)
        nose = nape + snout * body.head[0]
        if nose[1] < body.head[2]:  # the ground stops the nose: the head turns up until it fits
            rise = np.clip((body.head[2] - nape[1]) / body.head[0], -1, 1)
            flat = (
                np.sqrt(1 - rise**2)
                * np.array([snout[0], 0, snout[2]])
                / max(np.hypot(snout[0], snout[2]), 1e-6)
            )
            snout = flat + np.array([0, rise, 0])
            nose = nape + snout * body.head[0]
        cheek = nape + snout * body.head[0] * 0.5
        withers = top + np.array([0.2 * chest, 0.1 * chest, 0])
        parts = [
            _Part(
                np.array([withers, start, nape]),
                (chest * 0.8, body.neck[1], body.neck[2]),
                body.coat,
                nearer=0.015,
            ),
            _Part(
                np.array([nape, cheek, nose]),
                (body.head[1], body.head[1] * 0.62 + body.head[2] * 0.3, body.head[2]),
                body.face,
                nearer=0.03,
            ),
            _Part(
                np.array([nose - snout * body.head[2] * 0.4, nose + snout * body.head[2] * 0.3]),
                (body.head[2] * 0.8, body.head[2] * 0.6),
                (40, 34, 32),
                nearer=0.05,
            ),
        ]
        across = np.cross(snout, [0.0, 1.0, 0.0])
        across /= max(float(np.linalg.norm(across)), 1e-6)
        crown = np.cross(across, snout)
        for side in (-1, 1):
            root = nape + across * side * body.head[1] * 0.7 + crown * body.head[1] * 0.5
            spread = 0.75 if self.species == "red deer" else 0.3
            along = crown * (1 - pose.ears_back) + across * side * spread - snout * (0.25 + pose.ears_back)
            along /= np.linalg.norm(along)
            middle, tip = root + along * body.ears[0] * 0.5, root + along * body.ears[0]
            parts.append(
                _Part(
                    np.array([root, middle, tip]),
                    (body.ears[1] * 0.7, body.ears[1], body.ears[1] * 0.25),
                    body.ear,
                    nearer=0.04,
                )
            )
            if self.antlers:
                parts += self._antler(root, crown, across * side, snout)
        return parts

    def _antler(self, root: Point, crown: Point, out: Point, snout: Point) -> list[_Part]:
        beam = [
            root,
            root + crown * 0.22 + out * 0.16 - snout * 0.1,
            root + crown * 0.5 + out * 0.24 - snout * 0.08,
        ]
        bone = (122, 104, 82)
        parts = [_Part(np.array(beam), (0.022, 0.02, 0.01), bone, nearer=0.03)]
        for k in range(self.points):
            t = (k + 0.4) / self.points * 2
            foot = beam[int(t)] * (1 - t % 1) + beam[min(int(t) + 1, 2)] * (t % 1)
            tip = foot + snout * 0.16 + crown * 0.1
            parts.append(_Part(np.array([foot, tip]), (0.015, 0.007), bone, nearer=0.03))
        return parts

    def _eyes(self, parts: list[_Part], heading: float) -> list[Point]:
        """Screen positions (metres) of the eyes that face the camera."""
        head = next(part for part in parts if part.colour == self.body.face and len(part.points) == 3)
        nape, _, nose = head.points
        snout = (nose - nape) / np.linalg.norm(nose - nape)
        across = np.cross(snout, [0.0, 1.0, 0.0])
        across /= max(float(np.linalg.norm(across)), 1e-6)
        crown = np.cross(across, snout)
        towards = _towards_camera(heading)
        eyes = []
        for side in (-1, 1):
            facing = across * side + 0.8 * snout
            if facing @ towards > 0.15:
                eye = (
                    nape
                    + snout * self.body.head[0] * 0.35
                    + (across * side + 0.5 * crown) * self.body.head[1] * 0.6
                )
                eyes.append(_project(eye[None], heading)[0, :2])
        return eyes


def _direction(pitch: float, yaw: float) -> Point:
    return np.array([cos(pitch) * cos(yaw), sin(pitch), cos(pitch) * sin(yaw)])


def _towards_camera(heading: float) -> Point:
    """The direction to the camera in the animal's own frame."""
    return np.array([-sin(heading), 0.0, -cos(heading)])


def _project(points: Point, heading: float) -> Point:
    """(K, 3) metres in the animal's frame to (K, 3): right, up on the screen, and distance."""
    x, y, z = points.T
    right = x * cos(heading) - z * sin(heading)
    away = x * sin(heading) + z * cos(heading)
    return np.stack([right, y * cos(LOOK_DOWN) + away * sin(LOOK_DOWN), away], axis=1)


def _bend(joint: Point, foot: Point, upper: float, lower: float, forward: float) -> Point:
    """The knee between a joint and a foot: two bones in the plane of the leg."""
    line = foot - joint
    distance = float(np.clip(np.linalg.norm(line), 1e-6, (upper + lower) * 0.999))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    out = np.sqrt(max(upper**2 - along**2, 0.0))
    unit = line / np.linalg.norm(line)
    normal = np.array([-unit[1], unit[0], 0.0])
    knee = joint + unit * along + normal * out * forward
    knee[1] = max(knee[1], 0.02)
    return np.asarray(knee)


def _paint(canvas: Image, cover: Image, places: Point, radii: list[float], colour: list[float]) -> None:
    """Paint a chain of balls and the hulls between neighbours, with subpixel corners."""
    shift, one = 4, 16
    for k, (place, radius) in enumerate(zip(places, radii, strict=True)):
        centre = (round(place[0] * one), round(place[1] * one))
        for target, value in ((canvas, colour), (cover, 255)):
            cv2.circle(target, centre, max(8, round(radius * one)), value, -1, cv2.LINE_8, shift)
        if k:
            hull = _hull(places[k - 1], radii[k - 1], place, radius)
            if hull is not None:
                corners = np.round(hull * one).astype(np.int32)
                for target, value in ((canvas, colour), (cover, 255)):
                    cv2.fillConvexPoly(target, corners, value, cv2.LINE_8, shift)


def _hull(a: Point, ra: float, b: Point, rb: float) -> Point | None:
    """The four corners between two circles; None if one lies within the other."""
    line = b - a
    distance = float(np.hypot(*line))
    if distance <= abs(ra - rb) + 1e-6:
        return None
    unit = line / distance
    normal = np.array([-unit[1], unit[0]])
    tilt = (ra - rb) / distance
    level = np.sqrt(1 - tilt**2)
    sides = [unit * tilt + normal * level, unit * tilt - normal * level]
    return np.array([a + sides[0] * ra, b + sides[0] * rb, b + sides[1] * rb, a + sides[1] * ra])


def _fur(rng: np.random.Generator) -> NDArray[np.float32]:
    """(96, 128) brightness about 1: streaks and patches."""
    streaks = cv2.GaussianBlur(rng.normal(0, 1, (96, 128)).astype(np.float32), (0, 0), sigmaX=0.6, sigmaY=2.0)
    patches = cv2.GaussianBlur(rng.normal(0, 1, (96, 128)).astype(np.float32), (0, 0), 7)
    streaks, patches = streaks / streaks.std(), patches / patches.std()
    return np.asarray(np.clip(1 + 0.055 * streaks + 0.06 * patches, 0.6, 1.4), np.float32)
