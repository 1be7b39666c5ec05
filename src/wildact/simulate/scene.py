"""One place as one camera sees it: a fixed picture with depth, and the plants that move before it.

Everything is painted (:mod:`wildact.simulate.painter`) in neutral light, once per camera;
:mod:`wildact.simulate.camera` gives it the light of a video.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wildact.simulate.habitats import Habitat
from wildact.simulate.painter import WALL_M, Painter
from wildact.simulate.texture import ground_noise, smoothstep, spectral_noise
from wildact.simulate.vegetation import Cutout
from wildact.simulate.view import View, draw_view
from wildact.types import Float32, Image


@dataclass(frozen=True, slots=True)
class Scene:
    """A camera's surroundings under neutral light.

    Attributes:
        view: the perspective.
        habitat: what grows there.
        albedo: (H, W, 3) uint8 RGB, everything that does not move.
        cover: (H, W) float32 metres; depth of the nearest standing thing, inf where there is none.
        depth: (H, W) float32 metres of whatever is seen.
        sun: (H, W) float32 about 1, brightness where sun comes through the leaves.
        plants: what sways, from far to near.
        near_m: nearest distance at which an animal walks.
        far_m: farthest.
    """

    view: View
    habitat: Habitat
    albedo: Image
    cover: Float32
    depth: Float32
    sun: Float32
    plants: tuple[Cutout, ...]
    near_m: float
    far_m: float

    def hides(self, x: float, z: float, height_m: float) -> bool:
        """Whether the point ``height_m`` above the ground at (x, z) lies behind something or outside."""
        column, row = self.view.project(x, z)
        row -= height_m * self.view.px_per_m(z)
        if not (0 <= column < self.view.width and 0 <= row < self.view.height):
            return True
        return bool(self.cover[int(row), int(column)] < z)


def build_scene(width: int, height: int, habitat: Habitat, rng: np.random.Generator) -> Scene:
    """Paint the surroundings of one camera.

    Args:
        width: of the frame, pixels.
        height: of the frame, pixels.
        habitat: the kind of place.
        rng: of this camera; the same state gives the same picture.
    """
    view = draw_view(width, height, rng)
    far_m = float(rng.uniform(9.5, 10.5) if habitat.stream else rng.uniform(11, 14))
    near_m = max(2.4, 1.1 * view.near_m)
    painter = Painter(view, habitat, rng)
    painter.background()
    painter.ground(far_m)
    # field workers hang a camera where it overlooks a piece of ground, and cut what grows before the lens
    plants = painter.standing(near_m, far_m, clear=float(rng.uniform(0.6, 0.9)))
    softened = cv2.GaussianBlur(painter.image, (0, 0), 0.55 * height / 360)
    return Scene(
        view=view,
        habitat=habitat,
        albedo=np.asarray(softened, np.uint8),
        cover=painter.cover,
        depth=np.minimum(painter.ground_z, painter.cover),
        sun=_sunlight(painter, rng),
        plants=tuple(sorted(plants, key=lambda plant: -plant.z)),
        near_m=near_m,
        far_m=far_m,
    )


def _sunlight(painter: Painter, rng: np.random.Generator) -> Float32:
    """(H, W) float32 brightness of ground and standing things: dapples under leaves, else even."""
    view = painter.view
    px = view.focal_px / painter.ground_z * np.minimum(1, 2 * view.height_m / painter.ground_z)
    flecks = ground_noise(
        painter.band, painter.ground_x * 0.8 + 31, painter.ground_z * 0.6 + 11, px, (2.2, 1.0, 0.45)
    )
    on_ground = smoothstep(flecks, 0.1, 1.1)
    on_things = smoothstep(spectral_noise(view.height, view.width, rng, 1.5), 0.2, 1.5)
    standing = np.isfinite(painter.cover) | (painter.ground_z >= WALL_M - 0.01)
    dapples = np.where(standing, 0.6 * on_things, on_ground)
    shady = min(1.0, painter.habitat.wall_top)
    return np.asarray(1 - 0.22 * shady + 0.62 * shady * cv2.GaussianBlur(dapples, (0, 0), 0.8), np.float32)
