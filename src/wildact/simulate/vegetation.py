"""Plants and other standing things, painted stroke by stroke into transparent cut-outs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from wildact.simulate.habitats import Colour, Habitat, Palette
from wildact.simulate.texture import spectral_noise
from wildact.types import Float32, Float64, Image

_SHIFT = 4  # fractional bits of the drawing functions' coordinates


@dataclass(frozen=True, slots=True)
class Cutout:
    """A painted thing that stands at one depth.

    Attributes:
        rgba: (h, w, 4) uint8, colours multiplied by alpha.
        left: column of the frame at which its first column lies; may be outside the frame.
        top: the same for rows.
        root: column and row of the frame about which it sways.
        z: metres from the camera.
        sway: how far its far end moves in a fresh wind, as a share of its size; 0 for what stands still.
        phase: of its swaying, radians.
    """

    rgba: Image
    left: int
    top: int
    root: tuple[float, float]
    z: float
    sway: float = 0.0
    phase: float = 0.0

    def swayed(self, wind: float) -> Image:
        """(h, w, 4) the cut-out bent sideways by ``wind`` (1: a fresh wind), its root fixed."""
        x0, y0 = self.root[0] - self.left, self.root[1] - self.top
        shear, squeeze = self.sway * wind, 0.25 * self.sway * wind
        matrix = np.array([[1.0, -shear, shear * y0], [squeeze, 1.0, -squeeze * x0]])
        return np.asarray(cv2.warpAffine(self.rgba, matrix, self.rgba.shape[1::-1], flags=cv2.INTER_LINEAR))


def paint_tuft(
    column: float, row: float, px_per_m: float, z: float, habitat: Habitat, rng: np.random.Generator
) -> Cutout:
    """Grass: blades that rise from one spot and bow outwards."""
    height = habitat.grass_height_m * rng.uniform(0.9, 1.9) * px_per_m
    count = int(np.clip(height * rng.uniform(0.5, 0.9), 10, 90))
    canvas = _Canvas.around(column, row, 0.85 * height, 1.15 * height, 0.1 * height)
    for k in range(count):
        lean, length = rng.normal(0, 0.3), height * rng.uniform(0.4, 1.05)
        foot = column + rng.normal(0, 0.13) * height
        colour = _shade(habitat.grass[rng.integers(len(habitat.grass))], 0.5 + 0.6 * k / count, rng)
        t = np.linspace(0, 1, 5)
        xs = foot + lean * length * t**1.8
        ys = row - length * (t - 0.25 * abs(lean) * t**2)
        canvas.blade(xs, ys, max(1.0, 0.008 * px_per_m), colour)
    return canvas.cutout((column, row), z, sway=rng.uniform(0.05, 0.12), phase=rng.uniform(0, 6.28))


def paint_fern(
    column: float, row: float, px_per_m: float, z: float, habitat: Habitat, rng: np.random.Generator
) -> Cutout:
    """A fern: arching fronds with leaflets on both sides."""
    size = rng.uniform(0.35, 0.75) * px_per_m
    canvas = _Canvas.around(column, row, 1.1 * size, 1.05 * size, 0.25 * size)
    for k in range(int(rng.integers(6, 11))):
        angle = rng.uniform(-1.25, 1.25)
        length = size * rng.uniform(0.7, 1.0)
        t = np.linspace(0, 1, 16)
        xs = column + np.sin(angle) * length * t
        ys = row - np.cos(angle * 0.75) * length * (t - 0.5 * t**2.2)
        light = 0.55 + 0.05 * k
        canvas.blade(xs, ys, max(1.0, 0.008 * px_per_m), _shade(habitat.foliage[1], light, rng))
        for i in range(2, 16):
            direction = np.arctan2(ys[i] - ys[i - 1], xs[i] - xs[i - 1])
            leaflet = 0.22 * length * np.sin(np.pi * min(1.0, (i + 1) / 16)) ** 0.7
            for side in (-1.15, 1.15):
                colour = _shade(habitat.foliage[int(rng.integers(1, 3))], light + 0.25, rng)
                canvas.leaf(xs[i], ys[i], leaflet, 0.3 * leaflet, direction + side, colour)
    return canvas.cutout((column, row), z, sway=rng.uniform(0.03, 0.08), phase=rng.uniform(0, 6.28))


def paint_bush(
    column: float, row: float, px_per_m: float, z: float, habitat: Habitat, rng: np.random.Generator
) -> Cutout:
    """A bush: twigs, and clumps of leaves that are lit from above."""
    width, height = rng.uniform(0.35, 0.9) * px_per_m, rng.uniform(0.5, 1.3) * px_per_m
    canvas = _Canvas.around(column, row, 1.25 * width, 1.25 * height, 0.12 * height)
    clumps = [
        (rng.normal(0, 0.42) * width, rng.uniform(0.15, 1.0) * height)
        for _ in range(int(rng.integers(7, 16)))
    ]
    for dx, dy in clumps:
        xs = column + dx * np.array([0.0, 0.4, 1.0])
        ys = row - dy * np.array([0.0, 0.55, 1.0])
        canvas.blade(xs, ys, max(1.0, 0.014 * px_per_m), _shade((86, 72, 56), 0.8, rng))
    leaf = max(2.0, rng.uniform(0.035, 0.075) * px_per_m)
    count = int(np.clip(2.4 * width * height / leaf**2, 60, 900))
    spread = rng.normal(0, 1, (count, 2)) * (0.17 * width, 0.13 * height)
    order = np.argsort(rng.random(count))
    for k in order:
        dx, dy = clumps[k % len(clumps)]
        x, y = column + dx + spread[k, 0], row - max(0.05 * height, dy + spread[k, 1])
        light = 0.45 + 0.4 * (row - y) / height - 0.9 * (spread[k, 1] < 0) * abs(spread[k, 1]) / height
        canvas.leaf(
            x,
            y,
            leaf * rng.uniform(0.7, 1.3),
            0.5 * leaf,
            rng.uniform(0, 6.28),
            _tone(habitat.foliage, light, rng),
        )
    return canvas.cutout((column, row), z, sway=rng.uniform(0.008, 0.03), phase=rng.uniform(0, 6.28))


def paint_branch(
    column: float,
    row: float,
    angle: float,
    px_per_m: float,
    z: float,
    habitat: Habitat,
    rng: np.random.Generator,
) -> Cutout:
    """Leafy or bare twigs that reach from (column, row) in direction ``angle``; out of focus if near."""
    length = rng.uniform(0.15, 0.42) * px_per_m
    canvas = _Canvas.around(column, row, 1.25 * length, 1.25 * length, 1.25 * length)
    for _ in range(int(rng.integers(3, 8))):
        turn, t = angle + rng.normal(0, 0.45), np.linspace(0, rng.uniform(0.4, 1.0), 14)
        xs = column + np.cos(turn) * length * t + rng.normal(0, 0.15) * length * t**2
        ys = row + np.sin(turn) * length * t + rng.normal(0.12, 0.15) * length * t**2
        canvas.blade(xs, ys, max(1.0, rng.uniform(0.004, 0.011) * px_per_m), _shade((92, 78, 62), 0.8, rng))
        leafy = rng.uniform(0.15, 0.9)
        for i in np.flatnonzero(rng.random(14) < leafy):
            size = length * rng.uniform(0.04, 0.13)
            side = rng.choice([-1.0, 1.0]) * rng.uniform(0.2, 1.3)
            colour = _tone(habitat.foliage, rng.uniform(0.2, 0.95), rng)
            canvas.leaf(xs[i], ys[i], size, size * rng.uniform(0.2, 0.65), turn + side, colour)
    painted = canvas.cutout((column, row), z, sway=rng.uniform(0.03, 0.09), phase=rng.uniform(0, 6.28))
    blur = float(np.clip((2.6 - z) * 1.3, 0, 2.5)) * px_per_m * z / 600
    return (
        painted
        if blur < 0.4
        else replace(painted, rgba=np.asarray(cv2.GaussianBlur(painted.rgba, (0, 0), blur), np.uint8))
    )


def paint_trunk(
    column: float,
    row: float,
    px_per_m: float,
    z: float,
    habitat: Habitat,
    rng: np.random.Generator,
    *,
    radius_m: float,
) -> Cutout:
    """A tree trunk from its foot to above the upper border, rounded by shade, with bark."""
    radius = max(1.2, radius_m * px_per_m)
    lean = rng.normal(0, 0.035)
    top = -4.0
    height = int(row - top) + 1
    left = int(column - 2.2 * radius - abs(lean) * height) - 2
    width = int(4.4 * radius + 2 * abs(lean) * height) + 5
    up = (row - np.arange(height) - top)[:, None].astype(np.float32)  # pixels above the foot
    flare = 1 + 0.55 * np.exp(-up / (1.1 * radius)) - 0.12 * up / max(height, 1)
    wiggle = spectral_noise(64, 8, rng, 1.6)[:, :1]
    bend = cv2.resize(wiggle, (1, height), interpolation=cv2.INTER_CUBIC) * radius * 0.12
    centre = column - left + lean * up + bend
    across = (np.arange(width, dtype=np.float32)[None, :] - centre) / (radius * flare)
    alpha = np.clip((1 - np.abs(across)) * radius + 0.5, 0, 1)
    side = rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 0.5)
    round_shade = (
        np.sqrt(np.clip(1 - np.clip(across, -1, 1) ** 2, 0.02, 1)) * 0.75 + 0.3 + side * across * 0.35
    )
    bark = _bark(height, width, radius, habitat, rng)
    colour = np.array(habitat.bark_colour, np.float32) * rng.uniform(0.7, 1.1) * rng.uniform(0.95, 1.05, 3)
    rgb = colour[None, None] * (round_shade * bark)[..., None]
    moss = np.clip(
        spectral_noise(height, width, rng, 1.3) * 0.35 - 0.15 + 0.5 * np.exp(-up / (4 * radius)), 0, 0.55
    )
    if not habitat.snow:
        rgb = rgb * (1 - moss[..., None]) + np.array(habitat.foliage[1], np.float32) * moss[..., None]
    rgba = np.dstack([np.clip(rgb, 0, 255) * alpha[..., None], alpha * 255]).astype(np.uint8)
    return Cutout(rgba, left, int(top), (column, row), z)


def paint_rock(
    column: float, row: float, px_per_m: float, z: float, habitat: Habitat, rng: np.random.Generator
) -> Cutout:
    """A boulder, lit from above, rough."""
    a, b = rng.uniform(0.12, 0.4) * px_per_m, rng.uniform(0.08, 0.24) * px_per_m
    h, w = int(1.4 * b) + 6, int(2.4 * a) + 6
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    angle = np.arctan2(ys - b - 2, (xs - w / 2) * b / a)
    bumps = 1 + sum(rng.normal(0, 0.08) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in range(2, 6))
    r = np.hypot((xs - w / 2) / a, (ys - b - 2) / b) / bumps
    alpha = np.clip((1 - r) * min(a, b) + 0.5, 0, 1) * np.clip((h - 3 - ys) / 3, 0, 1)
    light = np.clip(0.95 - 0.55 * (ys / h), 0.2, 1) + 0.13 * spectral_noise(h, w, rng, 1.0)
    base = (226, 230, 236) if habitat.snow else (132, 128, 120)
    rgb = np.array(base, np.float32) * rng.uniform(0.75, 1.05) * np.clip(light, 0.15, 1.2)[..., None]
    rgba = np.dstack([np.clip(rgb, 0, 255) * alpha[..., None], alpha * 255]).astype(np.uint8)
    return Cutout(rgba, int(column - w / 2), int(row - h + 4), (column, row), z)


def paint_log(
    column: float, row: float, px_per_m: float, z: float, habitat: Habitat, rng: np.random.Generator
) -> Cutout:
    """A fallen stem or a dead branch on the ground."""
    length, radius = rng.uniform(0.8, 3.0) * px_per_m, max(1.5, rng.uniform(0.03, 0.13) * px_per_m)
    h, w = int(2 * radius) + 4, int(length)
    across = ((np.arange(h, dtype=np.float32) - h / 2) / radius)[:, None]
    light = np.sqrt(np.clip(1 - across**2, 0.03, 1)) * 0.6 + 0.5 - 0.35 * across
    light = light * _bark(w, h, radius, habitat, rng).T
    alpha = np.clip((1 - np.abs(across)) * radius + 0.5, 0, 1) * np.ones((1, w), np.float32)
    rgb = np.array(habitat.bark_colour, np.float32) * rng.uniform(0.55, 0.95) * light[..., None]
    if habitat.snow:
        cap = np.clip(-across * 2.2 - 0.5 + 0.3 * spectral_noise(h, w, rng, 1.0), 0, 1)[..., None]
        rgb = rgb * (1 - cap) + 232 * cap
    flat = np.dstack([np.clip(rgb, 0, 255) * alpha[..., None], alpha * 255]).astype(np.uint8)
    tilt = rng.uniform(-0.16, 0.16)
    size = int(np.hypot(h, w)) + 4
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), np.rad2deg(tilt), 1.0)
    box_h = int(abs(np.sin(tilt)) * w + h) + 4
    matrix[:, 2] += np.array([size / 2 - w / 2, box_h / 2 - h / 2])
    rgba = cv2.warpAffine(flat, matrix, (size, box_h), flags=cv2.INTER_LINEAR)
    return Cutout(np.asarray(rgba, np.uint8), int(column - size / 2), int(row - box_h), (column, row), z)


class _Canvas:
    """A transparent picture to draw anti-aliased strokes on, in coordinates of the frame."""

    def __init__(self, left: int, top: int, width: int, height: int) -> None:
        self.left, self.top = left, top
        self.rgba = np.zeros((height, width, 4), np.uint8)

    @classmethod
    def around(cls, column: float, row: float, beside: float, above: float, below: float) -> _Canvas:
        """A canvas that reaches as far as given on both sides of, above and below a point."""
        return cls(
            int(column - beside) - 2, int(row - above) - 2, int(2 * beside) + 5, int(above + below) + 5
        )

    def blade(self, xs: Float64, ys: Float64, width: float, colour: Colour) -> None:
        points = np.stack([xs - self.left, ys - self.top], axis=1) * (1 << _SHIFT)
        thick = max(1, round(width))
        cv2.polylines(self.rgba, [points.astype(np.int32)], False, (*colour, 255), thick, cv2.LINE_AA, _SHIFT)

    def leaf(self, x: float, y: float, length: float, width: float, angle: float, colour: Colour) -> None:
        c, s = np.cos(angle), np.sin(angle)
        along, across = np.array([0, 0.45, 1.0, 0.45]) * length, np.array([0, 0.5, 0, -0.5]) * width
        points = np.stack(
            [x - self.left + c * along - s * across, y - self.top + s * along + c * across], axis=1
        )
        fixed = (points * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.rgba, fixed, (*colour, 255), cv2.LINE_AA, _SHIFT)

    def cutout(self, root: tuple[float, float], z: float, *, sway: float, phase: float) -> Cutout:
        return Cutout(self.rgba, self.left, self.top, root, z, sway, phase)


def _shade(colour: Colour, light: float, rng: np.random.Generator) -> Colour:
    varied = np.clip(np.array(colour) * light * rng.uniform(0.85, 1.15), 0, 255)
    return int(varied[0]), int(varied[1]), int(varied[2])


def _tone(palette: Palette, light: float, rng: np.random.Generator) -> Colour:
    """The colour at ``light`` in [0, 1] of a palette that goes from shade to light."""
    position = float(np.clip(light + rng.normal(0, 0.16), 0, 1)) * (len(palette) - 1)
    k = min(int(position), len(palette) - 2)
    mixed = np.array(palette[k]) * (k + 1 - position) + np.array(palette[k + 1]) * (position - k)
    return _shade((int(mixed[0]), int(mixed[1]), int(mixed[2])), 1.0, rng)


def _bark(height: int, width: int, radius: float, habitat: Habitat, rng: np.random.Generator) -> Float32:
    """(H, W) float32 brightness of bark, about 1: fissures along the stem, or a birch's dark patches."""
    stretch = {"smooth": 0.9, "rough": 5.0, "birch": 0.25}[habitat.bark]
    rows = max(4, int(height / stretch / max(1.0, radius / 12)))
    columns = max(4, int(width / max(1.0, radius / 12)))
    grain = cv2.resize(
        spectral_noise(rows, columns, rng, 0.7), (width, height), interpolation=cv2.INTER_LINEAR
    )
    blotches = cv2.resize(spectral_noise(32, 16, rng, 1.2), (width, height), interpolation=cv2.INTER_CUBIC)
    strength = {"smooth": 0.08, "rough": 0.26, "birch": 0.10}[habitat.bark]
    bark = 1 + strength * grain + 0.12 * blotches
    if habitat.bark == "birch":
        bark *= np.where(blotches + 0.7 * grain > 1.7, 0.3, 1.0)
    return np.asarray(np.clip(bark, 0.15, 1.5), np.float32)
