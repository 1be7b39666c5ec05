"""Paints the surroundings of one camera, from far to near in neutral light."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from wildact.simulate.habitats import Habitat
from wildact.simulate.layers import darken, overlap, paste
from wildact.simulate.texture import band_noise, ground_noise, sample_band, smoothstep, spectral_noise
from wildact.simulate.vegetation import (
    Cutout,
    paint_branch,
    paint_bush,
    paint_fern,
    paint_log,
    paint_rock,
    paint_trunk,
    paint_tuft,
)
from wildact.simulate.view import View
from wildact.types import Float32, Float64, Image

WALL_M = 26.0
"""Distance at which the far background stands, metres."""

IN_THE_WAY = 0.15
"""Share of the trunks and bushes within the animals' range that stand in the clear view after all."""

_FULL_SIZE = 640 * 360
_Spot = tuple[float, float, float, float]  # column, row, pixels per metre, distance in metres
_Paint = Callable[[float, float, float, float, Habitat, np.random.Generator], Cutout]

_BANDS = 28  # depth bands in which ground strokes and standing things are interleaved


class Painter:
    """The picture while it is painted, with the depth of what was painted last in each pixel."""

    def __init__(self, view: View, habitat: Habitat, rng: np.random.Generator) -> None:
        self.view, self.habitat, self.rng = view, habitat, rng
        self.image = np.zeros((view.height, view.width, 3), np.uint8)
        self.cover = np.full((view.height, view.width), np.inf, np.float32)
        self.ground_x, self.ground_z = view.ground_coordinates(WALL_M)
        self.band = band_noise(rng)
        self.area = view.width * view.height / _FULL_SIZE

    # -- far away -------------------------------------------------------------------------------------------

    def background(self) -> None:
        """Sky, and a wall of distant foliage with gaps, hazy and broken by distant stems."""
        view, habitat, rng = self.view, self.habitat, self.rng
        h, w = view.height, view.width
        sky = np.array(habitat.sky, np.float32)[None, None] * np.linspace(1.0, 0.94, h)[:, None, None]
        foliage = self._foliage(h, w)
        bottom = view.horizon_px + view.focal_px * view.height_m / WALL_M + 0.02 * h
        crown = bottom - habitat.wall_top * bottom * (1 + 0.16 * spectral_noise(1, w, rng, 1.1)[0])
        rows = np.arange(h, dtype=np.float32)[:, None]
        dense = smoothstep(rows - crown[None, :], -0.05 * h, 0.10 * h)
        gaps = (
            spectral_noise(h, w, rng, 0.9) * 0.45
            + dense * 2.6
            - 1.05
            + 0.6 * smoothstep(rows, 0.1 * h, 0.3 * h)
        )
        alpha = smoothstep(gaps, -0.25, 0.25)[..., None]
        self.image[:] = np.clip(sky * (1 - alpha) + foliage * alpha, 0, 255).astype(np.uint8)
        self._distant_stems(bottom)

    def _foliage(self, h: int, w: int) -> Float32:
        """(H, W, 3) float32 leaves far away: clumps, with shade between them."""
        rng, palette = self.rng, np.array(self.habitat.wall, np.float32)
        clumps = spectral_noise(h, w, rng, 1.25)
        leaves = spectral_noise(h, w, rng, 0.35)
        light = np.clip(0.42 + 0.2 * clumps + 0.16 * leaves * (1 + 0.4 * clumps), 0, 0.999) * (
            len(palette) - 1
        )
        k = np.minimum(light.astype(int), len(palette) - 2)
        t = (light - k)[..., None]
        mixed = palette[k] * (1 - t) + palette[k + 1] * t
        haze = 0.32 + 0.1 * spectral_noise(h, w, rng, 1.6)[..., None]
        return np.asarray(mixed * (1 - haze) + np.array(self.habitat.haze) * haze, np.float32)

    def _distant_stems(self, bottom: float) -> None:
        view, habitat, rng = self.view, self.habitat, self.rng
        haze = np.array(habitat.haze, np.float32)
        for _ in range(int(habitat.trunks[1] * rng.uniform(1.0, 2.5))):
            share = rng.uniform(0.25, 0.75)
            colour = (
                np.array(habitat.bark_colour) * rng.uniform(0.35, 0.75) * (1 - share) + haze * share * 0.8
            )
            x, lean = rng.uniform(0, view.width), rng.normal(0, 0.03) * view.height
            thick = max(1, round(rng.uniform(0.002, 0.012) * view.width))
            foot = bottom + rng.uniform(0.0, 0.035) * view.height
            ends = [(round(x), round(foot)), (round(x + lean), -3)]
            cv2.line(self.image, ends[0], ends[1], tuple(float(c) for c in colour), thick, cv2.LINE_AA)

    # -- the ground -----------------------------------------------------------------------------------------

    def ground(self, far_m: float) -> None:
        """Soil with texture in perspective, a path or a stream, fading into the background."""
        view, habitat, rng = self.view, self.habitat, self.rng
        px = view.focal_px / self.ground_z * np.minimum(1, 2.0 * view.height_m / self.ground_z)
        coarse = ground_noise(self.band, self.ground_x, self.ground_z, px, (4.0, 1.7, 0.8, 0.4))
        fine = ground_noise(
            self.band, self.ground_z + 9, self.ground_x, px, (0.3, 0.16, 0.08, 0.04, 0.02), 0.95
        )
        colours = np.array(habitat.ground, np.float32)
        mix = smoothstep(coarse, -1.2, 1.2)[..., None]
        soil = colours[0] * (1 - mix) + colours[1] * mix
        dark = smoothstep(coarse + 0.7 * fine, 0.9, 2.2)[..., None]
        soil = soil * (1 - dark) + colours[2] * dark
        soil *= (1 + (0.05 if habitat.snow else 0.13) * fine)[..., None]
        if habitat.path:
            soil = self._path(soil, coarse)
        if habitat.stream:
            soil = self._stream(soil, far_m, coarse)
        haze = np.clip((self.ground_z - 9) / 60, 0, 0.3)[..., None]
        soil = soil * (1 - haze) + np.array(habitat.haze) * haze
        rows = np.arange(view.height, dtype=np.float32)[:, None]
        columns = np.arange(view.width, dtype=np.float32)[None, :]
        edge = (
            view.horizon_px - view.slope * (columns - view.width / 2) + view.focal_px * view.height_m / WALL_M
        )
        ragged = edge + 0.012 * view.height * spectral_noise(1, view.width, rng, 0.7)
        alpha = smoothstep(rows - ragged, -1.0, 0.02 * view.height + 1)[..., None]
        self.image[:] = np.clip(self.image * (1 - alpha) + soil * alpha, 0, 255).astype(np.uint8)

    def _path(self, soil: Float32, coarse: Float32) -> Float32:
        rng = self.rng
        middle = rng.uniform(-2, 2) + rng.uniform(-0.25, 0.25) * self.ground_z
        off = np.abs(self.ground_x - middle) + 0.12 * coarse
        worn = (0.75 * (1 - smoothstep(off, 0.35, 0.8)))[..., None]
        return np.asarray(soil * (1 - worn) + np.array((138, 120, 94), np.float32) * worn, np.float32)

    def _stream(self, soil: Float32, far_m: float, coarse: Float32) -> Float32:
        """A band of water beyond the animals, with the background mirrored in it."""
        near, far = far_m + 0.6, far_m + self.rng.uniform(3.0, 5.0)
        z = self.ground_z + 0.25 * self.ground_x * self.rng.uniform(-0.3, 0.3) + 0.25 * coarse
        water = smoothstep(z, near, near + 0.3) * (1 - smoothstep(z, far, far + 0.6))
        mirrored = cv2.GaussianBlur(self.image[::-1].astype(np.float32), (0, 0), 2.0, sigmaY=6.0)
        shift = np.array([[1, 0, 0], [0, 1, 2 * self.view.horizon_px - self.view.height]], np.float32)
        size = (self.view.width, self.view.height)
        mirrored = cv2.warpAffine(mirrored, shift, size, borderMode=cv2.BORDER_REPLICATE)
        ripple = 1 + 0.12 * sample_band(self.band, self.ground_x, 4 * self.ground_z, 1.5)
        surface = (0.6 * mirrored + np.array((30, 34, 34))) * ripple[..., None]
        alpha = (0.92 * water)[..., None]
        return np.asarray(soil * (1 - alpha) + surface * alpha, np.float32)

    # -- what stands and lies on it -------------------------------------------------------------------------

    def standing(self, near_m: float, far_m: float, clear: float) -> list[Cutout]:
        """Paint litter, grass and standing things from far to near; return the plants that sway.

        Within the middle ``clear`` of the picture's width, few trunks and bushes stand nearer than ``far_m``.
        """
        still, plants = self._still(near_m, far_m, clear), self._swaying(far_m, clear)
        edges = np.geomspace(WALL_M, 0.9 * self.view.near_m, _BANDS + 1)
        strokes = self._scatter(self.habitat.litter_count), self._scatter(self.habitat.grass_count)
        for far, near in pairwise(edges):
            for z, draw in sorted(still, key=lambda item: -item[0]):
                if near <= z < far:
                    self._stand(draw())
            self._litter(strokes[0], near, far)
            self._grass(strokes[1], near, far)
        return [self._hide(plant) for plant in plants]

    def _spot(self, low: float, high: float) -> _Spot:
        """Somewhere on the ground in the picture, between two distances; nearer ones are likelier."""
        z = float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
        x = float(self.rng.uniform(-1.1, 1.1)) * self.view.half_width_m(z)
        return (*self.view.project(x, z), self.view.px_per_m(z), z)

    def _tall_spot(self, low: float, high: float, far_m: float, clear: float) -> _Spot:
        """The same for what hides animals: seldom in the clear view."""
        while True:
            spot = self._spot(low, high)
            middle = abs(spot[0] - self.view.width / 2) < clear * self.view.width / 2
            if not (middle and spot[3] < far_m) or self.rng.random() < IN_THE_WAY:
                return spot

    def _still(self, near_m: float, far_m: float, clear: float) -> list[tuple[float, Callable[[], Cutout]]]:
        """What stands still, as (distance, painter)."""
        habitat, rng = self.habitat, self.rng
        still: list[tuple[float, Callable[[], Cutout]]] = []
        for _ in range(rng.integers(*habitat.trunks, endpoint=True)):
            radius = float(rng.uniform(*habitat.trunk_radius_m))
            spot = self._tall_spot(max(3.2, 16 * radius), 24, far_m, clear)
            still.append((spot[3], partial(paint_trunk, *spot, habitat, rng, radius_m=radius)))
        for _ in range(rng.integers(*habitat.bushes, endpoint=True)):
            spot = self._tall_spot(5.0, 22, far_m, clear)
            still.append((spot[3], partial(paint_bush, *spot, habitat, rng)))
        kinds: tuple[tuple[_Paint, tuple[int, int], float, float], ...] = (
            (paint_rock, habitat.rocks, near_m, 18.0),
            (paint_log, habitat.logs, near_m + 0.5, 18.0),
            (paint_fern, habitat.ferns, 4.0, 12.0),
        )
        for paint, count, low, high in kinds:
            for _ in range(rng.integers(*count, endpoint=True)):
                spot = self._spot(low, high)
                still.append((spot[3], partial(paint, *spot, habitat, rng)))
        return still

    def _swaying(self, far_m: float, clear: float) -> list[Cutout]:
        """The plants that move in the wind, among them twigs close to the lens."""
        habitat, rng = self.habitat, self.rng
        ferns = rng.integers(0, 3) if habitat.ferns[1] else 0
        return [
            paint_bush(*self._spot(4.5, far_m), habitat, rng),
            *(
                paint_bush(*self._tall_spot(4.5, far_m, far_m, clear), habitat, rng)
                for _ in range(rng.integers(0, 3))
            ),
            *(paint_fern(*self._spot(3.0, far_m), habitat, rng) for _ in range(ferns)),
            *(
                paint_tuft(*self._spot(self.view.near_m, 0.8 * far_m), habitat, rng)
                for _ in range(rng.integers(5, 14))
            ),
            *(self._twig() for _ in range(rng.integers(0, 3))),
        ]

    def _twig(self) -> Cutout:
        """A twig that hangs into the picture from the left, the right or above, near the lens."""
        view, rng = self.view, self.rng
        z, side = float(rng.uniform(0.9, 2.4)), int(rng.integers(3))
        column = (0.0, float(view.width), float(rng.uniform(0, view.width)))[side]
        row = -2.0 if side == 2 else float(rng.uniform(0, 0.6) * view.height)
        angle = (0.2, np.pi - 0.2, np.pi / 2)[side] + rng.normal(0, 0.35)
        return paint_branch(column, row, angle, view.px_per_m(z), z, self.habitat, rng)

    def _scatter(self, count: int) -> Float64:
        """(N, 3) float64 column, row and distance of strokes, spread over the picture, from far to near."""
        view, rng = self.view, self.rng
        number = int(count * self.area)
        columns = rng.uniform(-0.02, 1.02, number) * view.width
        top = view.horizon_px + view.focal_px * view.height_m / WALL_M
        drop = rng.uniform(0, 1, number) ** 1.25 * (view.height * 1.06 - top) + top - view.horizon_px
        z = view.focal_px * view.height_m / drop
        rows = drop + view.horizon_px - view.slope * (columns - view.width / 2)
        order = np.argsort(-z)
        return np.asarray(np.stack([columns, rows, z], axis=1)[order])

    def _dry(self, column: float, row: float) -> bool:
        """Whether a stroke may be put there: not in the water."""
        if not self.habitat.stream:
            return True
        y, x = int(np.clip(row, 0, self.view.height - 1)), int(np.clip(column, 0, self.view.width - 1))
        return bool(self.ground_z[y, x] < 10.2 or self.ground_z[y, x] > 15.5)

    def _litter(self, strokes: Float64, near: float, far: float) -> None:
        habitat, rng, view = self.habitat, self.rng, self.view
        for column, row, z in strokes[(strokes[:, 2] >= near) & (strokes[:, 2] < far)]:
            if not self._dry(column, row):
                continue
            size = habitat.litter_size_m * rng.uniform(0.4, 1.3) * view.px_per_m(z) / 2
            flat = min(1.0, 1.3 * view.height_m / z) * rng.uniform(0.5, 1.0)
            colour = np.array(habitat.litter[rng.integers(len(habitat.litter))]) * rng.uniform(0.65, 1.2)
            shape = (max(size, 0.6) * 16, max(size * flat * 0.6, 0.5) * 16)
            _ellipse(self.image, column + 0.4, row + 0.25 * size, shape, rng.uniform(-40, 40), colour * 0.45)
            _ellipse(self.image, column, row, shape, rng.uniform(-40, 40), colour)

    def _grass(self, strokes: Float64, near: float, far: float) -> None:
        habitat, rng, view = self.habitat, self.rng, self.view
        for column, row, z in strokes[(strokes[:, 2] >= near) & (strokes[:, 2] < far)]:
            if not self._dry(column, row):
                continue
            height = habitat.grass_height_m * rng.uniform(0.25, 1.0) ** 1.5 * view.px_per_m(z)
            lean = rng.normal(0, 0.4)
            points = np.array([[0, 0], [0.25 * lean, -0.55], [lean, -1.0 + 0.2 * abs(lean)]]) * height + (
                column,
                row,
            )
            fixed = [(points * 16).astype(np.int32)]
            haze = float(np.clip((z - 6) / 50, 0, 0.35))
            colour = np.array(habitat.grass[rng.integers(len(habitat.grass))]) * rng.uniform(0.55, 1.15)
            colour = np.clip(colour * (1 - haze) + np.array(habitat.haze) * haze, 0, 255)
            thick = max(1, round(0.006 * view.px_per_m(z)))
            cv2.polylines(self.image, fixed, False, colour.tolist(), thick, cv2.LINE_AA, 4)
            if height >= 3:
                cv2.polylines(self.cover, fixed, False, float(z), thick, cv2.LINE_8, 4)

    def _stand(self, thing: Cutout) -> None:
        """Paint a thing with its shadow on the ground, hazy with distance, and note its depth."""
        haze = float(np.clip((thing.z - 5) / 45, 0, 0.4))
        rgba = thing.rgba.astype(np.float32)
        tint = np.array(self.habitat.haze, np.float32) * (rgba[..., 3:] / 255)
        rgba[..., :3] = rgba[..., :3] * (1 - haze) + tint * haze
        _contact_shadow(self.image, thing, self.view)
        paste(self.image, rgba.astype(np.uint8), thing.left, thing.top)
        h, w = thing.rgba.shape[:2]
        window = overlap(w, h, thing.left, thing.top, self.view.width, self.view.height)
        if window is not None:
            self.cover[window[1]][thing.rgba[window[0]][..., 3] > 127] = thing.z

    def _hide(self, plant: Cutout) -> Cutout:
        """The plant without what nearer standing things hide of it."""
        h, w = plant.rgba.shape[:2]
        window = overlap(w, h, plant.left, plant.top, self.view.width, self.view.height)
        if window is not None:
            plant.rgba[window[0]][self.cover[window[1]] < plant.z - 0.05] = 0
        return plant


def _contact_shadow(image: Image, thing: Cutout, view: View) -> None:
    """Darken the ground around the foot of a thing."""
    alpha = thing.rgba[-max(4, thing.rgba.shape[0] // 8) :, :, 3]
    columns = np.flatnonzero(alpha.max(axis=0) > 60)
    if len(columns) < 2:
        return
    spread = 0.62 * (columns[-1] - columns[0] + 1)
    centre = thing.left + columns.mean()
    darken(
        image, centre, thing.root[1], spread + 2, (spread + 2) * min(0.4, view.height_m / thing.z) + 1, 0.5
    )


def _ellipse(
    image: Image, column: float, row: float, axes: tuple[float, float], angle: float, colour: Float64
) -> None:
    centre = (int(column * 16), int(row * 16))
    rgb = np.clip(colour, 0, 255).tolist()
    cv2.ellipse(image, centre, (int(axes[0]), int(axes[1])), angle, 0, 360, rgb, -1, cv2.LINE_AA, 4)
