"""One clip: the animals of a plan, drawn into a scene frame by frame, with what is visible of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import cv2
import numpy as np

from wildact.masks import encode_cropped_mask
from wildact.simulate.animals import Animal, Sprite, blend_poses, compute_pose
from wildact.simulate.banner import Banner
from wildact.simulate.behaviour import Plan, State
from wildact.simulate.camera import Look, develop, motion_blur, shine
from wildact.simulate.layers import darken, overlap, paste
from wildact.simulate.scene import Scene
from wildact.simulate.sign import Sign
from wildact.simulate.vegetation import Cutout
from wildact.types import Bool, Float32, Image, Rle

MIN_VISIBLE_PX = 12
"""An animal of which less is to be seen counts as hidden ..."""

MIN_VISIBLE_SHARE = 0.1
"""... and one of which less than this is to be seen of what lies within the picture."""

MIN_PART = 0.04
"""Parts between leaves, smaller than this share of the largest part, no annotator would draw."""

_BLEND_S = {"resting": 1.0}  # time to change over into an action; lying down takes longer
_BLEND_DEFAULT_S = 0.4
_BODY_M = 0.2  # half of an animal's thickness: what stands nearer than this in front of it does not hide it


@dataclass(frozen=True, slots=True)
class Actor:
    """One animal of a clip.

    Attributes:
        track_id: 1, 2, ...
        animal: who it is.
        plan: what it does.
    """

    track_id: int
    animal: Animal
    plan: Plan


@dataclass(frozen=True, slots=True)
class Weather:
    """What moves besides the animals.

    Attributes:
        wind: strength; 1 bends plants as far as they go.
        gusts_hz: how often it swells.
        cloud: how much darker it gets when a cloud passes, in [0, 1).
        cloud_s: when it is darkest.
    """

    wind: float
    gusts_hz: float
    cloud: float
    cloud_s: float

    def bend(self, plant: Cutout, time_s: float) -> float:
        """How far a plant is bent, about -1 to 1."""
        gust = 0.55 + 0.45 * np.sin(6.283 * self.gusts_hz * time_s + 0.3 * plant.phase)
        flutter = np.sin(6.283 * 0.9 * time_s + plant.phase) + 0.4 * np.sin(
            6.283 * 2.3 * time_s + 2 * plant.phase
        )
        return float(self.wind * gust * (0.35 + 0.6 * flutter))

    def gain(self, time_s: float) -> float:
        """Brightness at a time: a cloud passes; exposure settles in the first half second."""
        settling = 1 + 0.12 * np.exp(-time_s / 0.18)
        return float(settling * (1 - self.cloud * np.exp(-(((time_s - self.cloud_s) / 1.2) ** 2))))


@dataclass(frozen=True, slots=True)
class SimulatedFrame:
    """One frame and its truth.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        visible: track id -> mask of the visible part; animals that are hidden are left out.
    """

    image: Image
    visible: dict[int, Rle]


@dataclass(slots=True)
class _Drawn:
    """An animal as it lies in one frame: premultiplied patch, and how much of each pixel is still visible."""

    actor: Actor
    z: float
    rgba: Image
    left: int
    top: int
    visible: Image
    eyes: tuple[tuple[float, float], ...]
    eye_radius: float
    foot: tuple[float, float]
    span: float
    whole_px: int


def simulate_clip(
    scene: Scene,
    look: Look,
    actors: Sequence[Actor],
    weather: Weather,
    banner: Banner,
    *,
    sign: Sign | None,
    start: datetime,
    celsius: int,
    frames: int,
    fps: Fraction,
    rng: np.random.Generator,
) -> Iterator[SimulatedFrame]:
    """Draw a clip frame by frame; memory does not grow with its length.

    Args:
        scene: the surroundings.
        look: light and camera.
        actors: the animals.
        weather: wind and clouds.
        banner: what the camera burns in.
        sign: its maker's, burnt in under the banner.
        start: local time of the first frame.
        celsius: temperature, for the banner.
        frames: how many to draw.
        fps: frames per second.
        rng: for the sensor noise.
    """
    background = look.grade(scene.albedo, look.background)
    plants = [_lit(plant, look) for plant in scene.plants]
    shape = scene.view.height, scene.view.width
    burnt = np.zeros(shape, bool) if sign is None else sign.cover(*shape)
    burnt[banner.rows(scene.view.height)] = True
    for index in range(frames):
        time_s = float(index / fps)
        frame = background.copy()
        drawn = [item for actor in actors if (item := _draw(actor, scene, look, time_s)) is not None]
        _compose(frame, drawn, plants, scene, look, weather, time_s)
        image = develop(frame, look, weather.gain(time_s), rng)
        if sign is not None:
            sign.stamp(image)
        banner.stamp(image, start + timedelta(seconds=int(time_s)), celsius)
        yield SimulatedFrame(image, _visible_masks(drawn, burnt))


def _compose(
    frame: Image,
    drawn: list[_Drawn],
    plants: list[Cutout],
    scene: Scene,
    look: Look,
    weather: Weather,
    time_s: float,
) -> None:
    """Lay shadows, then animals and plants from far to near, and note what each hides of those behind it."""
    for item in drawn:
        flat = min(0.4, scene.view.height_m / item.z)
        darken(frame, *item.foot, 0.5 * item.span + 1, 0.5 * item.span * flat + 1, look.shadow)
    layers: list[_Drawn | Cutout] = sorted([*drawn, *plants], key=lambda layer: -layer.z)
    behind: list[_Drawn] = []
    for layer in layers:
        rgba = layer.swayed(weather.bend(layer, time_s)) if isinstance(layer, Cutout) else layer.rgba
        paste(frame, rgba, layer.left, layer.top)
        for other in behind:
            _cover(other, rgba, layer.left, layer.top)
        if isinstance(layer, _Drawn):
            behind.append(layer)
    if look.light == "ir":
        _shine_eyes(frame, drawn)


def _draw(actor: Actor, scene: Scene, look: Look, time_s: float) -> _Drawn | None:
    """The animal at a time: lit, blurred by motion, cut off by what stands nearer; None outside the frame."""
    state, view = actor.plan.at(time_s), scene.view
    column, row = view.project(state.x, state.z)
    scale = view.px_per_m(state.z)
    reach = 1.2 * actor.animal.length_m * scale
    if column < -reach or column > view.width + reach:
        return None
    sprite = _pose_sprite(actor.animal, state, scale, time_s)
    left, top = round(column - sprite.anchor[0]), round(row - sprite.anchor[1])
    rgba = _lit_sprite(sprite, left, top, state.z, look)
    later = actor.plan.at(time_s + look.shutter_s)
    moved = view.project(later.x, later.z)
    rgba, padding = motion_blur(rgba, moved[0] - column, moved[1] - row)
    left, top = left - padding, top - padding
    height, width = rgba.shape[:2]
    window = overlap(width, height, left, top, view.width, view.height)
    if window is None:
        return None
    whole_px = int(np.count_nonzero(rgba[window[0]][..., 3] > 127))
    rgba[window[0]][scene.cover[window[1]] < state.z - _BODY_M] = 0
    visible = np.zeros((height, width), np.uint8)
    visible[window[0]] = rgba[window[0]][..., 3]
    eyes = tuple((x + left + padding, y + top + padding) for x, y in sprite.eyes)
    span = 0.8 * (abs(np.cos(state.heading)) * 0.75 + 0.25) * actor.animal.length_m * scale
    foot = (column, row)
    return _Drawn(
        actor, state.z, rgba, left, top, visible, eyes, sprite.eye_radius, foot, float(span), whole_px
    )


def _pose_sprite(animal: Animal, state: State, scale: float, time_s: float) -> Sprite:
    pose = compute_pose(animal.species, state.action, state.phase, time_s, animal.individual)
    blend_s = max(_BLEND_S.get(action, _BLEND_DEFAULT_S) for action in (state.action, state.before))
    if state.since_s < blend_s:
        before = compute_pose(animal.species, state.before, state.phase, time_s, animal.individual)
        t = state.since_s / blend_s
        pose = blend_poses(before, pose, t * t * (3 - 2 * t))
    return animal.render(pose, scale, state.heading)


def _lit_sprite(sprite: Sprite, left: int, top: int, z: float, look: Look) -> Image:
    """The sprite in the light of its place, premultiplied."""
    height, width = sprite.alpha.shape
    rgb = look.grade(sprite.image, np.float32(look.fur) * _gain(look, left, top, width, height, z))
    return _premultiplied(rgb, sprite.alpha)


def _lit(plant: Cutout, look: Look) -> Cutout:
    """A plant in the light of its place."""
    height, width = plant.rgba.shape[:2]
    alpha = plant.rgba[..., 3]
    straight = plant.rgba[..., :3] * (255 / np.maximum(alpha, 1).astype(np.float32))[..., None]
    rgb = look.grade(
        np.clip(straight, 0, 255).astype(np.uint8), _gain(look, plant.left, plant.top, width, height, plant.z)
    )
    return Cutout(
        _premultiplied(rgb, alpha), plant.left, plant.top, plant.root, plant.z, plant.sway, plant.phase
    )


def _gain(look: Look, left: int, top: int, width: int, height: int, z: float) -> Float32:
    """(height, width) float32 brightness of what stands at ``z`` metres with its corner at (left, top)."""
    rows = np.clip(np.arange(top, top + height), 0, look.standing.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, look.standing.shape[1] - 1)
    return np.asarray(look.standing[rows[:, None], columns[None, :]] * look.lamp_gain(z), np.float32)


def _premultiplied(rgb: Image, alpha: Image) -> Image:
    scaled = cv2.multiply(rgb, cv2.merge([alpha] * 3), scale=1 / 255)
    return np.dstack([scaled, alpha])


def _cover(behind: _Drawn, rgba: Image, left: int, top: int) -> None:
    """Take what a nearer layer covers out of the visible part of an animal."""
    height, width = behind.visible.shape
    shared = overlap(rgba.shape[1], rgba.shape[0], left - behind.left, top - behind.top, width, height)
    if shared is not None:
        keep = 255 - rgba[shared[0]][..., 3]
        behind.visible[shared[1]] = cv2.multiply(behind.visible[shared[1]], keep, scale=1 / 255)


def _shine_eyes(frame: Image, drawn: list[_Drawn]) -> None:
    for item in drawn:
        for x, y in item.eyes:
            column, row = round(x) - item.left, round(y) - item.top
            height, width = item.visible.shape
            if 0 <= column < width and 0 <= row < height and item.visible[row, column] > 127:
                shine(frame, x, y, 1.1 * item.eye_radius, float(np.clip(14 / item.z, 0.5, 1.0)))


def _visible_masks(drawn: list[_Drawn], burnt: Bool) -> dict[int, Rle]:
    """What is to be seen of each animal; ``burnt`` (H, W) is where the camera wrote over the picture."""
    height, width = burnt.shape
    masks = {}
    for item in drawn:
        rows, columns = item.visible.shape
        window = overlap(columns, rows, item.left, item.top, width, height)
        if window is None:
            continue
        mask = (item.visible[window[0]] > 127) & ~burnt[window[1]]
        if mask.sum() >= max(MIN_VISIBLE_PX, MIN_VISIBLE_SHARE * item.whole_px):
            mask = _without_specks(mask)
            masks[item.actor.track_id] = encode_cropped_mask(
                mask, window[1][1].start, window[1][0].start, height, width
            )
    return masks


def _without_specks(mask: Bool) -> Bool:
    """The mask without parts that are small beside its largest one."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    areas = facts[1:, cv2.CC_STAT_AREA]
    if count <= 2:
        return mask
    keep = np.concatenate([[False], areas >= MIN_PART * areas.max()])
    return np.asarray(keep[parts])
