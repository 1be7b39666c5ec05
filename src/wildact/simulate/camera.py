"""The light of a video and the camera that takes it: colour, exposure, lamp, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wildact.simulate.scene import Scene
from wildact.simulate.texture import smoothstep
from wildact.types import Float32, Image, Light

_NOISE_FRAMES = 6
_NOISE_MARGIN = 32  # the bank's pictures are larger than the frame by this, to be laid at random offsets


@dataclass(frozen=True, slots=True)
class Look:
    """How the camera renders a scene in one video.

    Attributes:
        light: day, dusk or ir.
        matrix: (3, 3) float32 from neutral RGB to the camera's: white balance, saturation, or monochrome.
        tone: (256,) uint8 tone curve.
        background: (H, W) float32 brightness of everything that does not move.
        standing: (H, W) float32 brightness of what stands at ``lamp_m``.
        lamp_m: distance at which the lamp's light counts as 1; 0 without lamp.
        lamp_power: how fast it falls off.
        noise: pictures of sensor noise, int16 RGB, larger than the frame.
        softness_px: standard deviation of the lens' blur.
        shutter_s: exposure time.
        shadow: strength of the shadow under an animal.
        fur: brightness of fur relative to its colour by day: near infrared, hair reflects far more than soil.
    """

    light: Light
    matrix: Float32
    tone: Image
    background: Float32
    standing: Float32
    lamp_m: float
    lamp_power: float
    noise: tuple[np.ndarray, ...]
    softness_px: float
    shutter_s: float
    shadow: float
    fur: float = 1.0

    def lamp_gain(self, z: float) -> float:
        """Brightness of a thing at ``z`` metres relative to one at ``lamp_m``; 1 without lamp."""
        return 1.0 if self.lamp_m == 0 else float((self.lamp_m / max(z, 0.7)) ** self.lamp_power)

    def grade(self, rgb: Image, gain: Float32) -> Image:
        """(h, w, 3) neutral colours under the (h, w) brightness ``gain``, as the camera stores them."""
        toned = cv2.transform(rgb.astype(np.float32), self.matrix)
        lit = np.clip(toned * gain[..., None], 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(lit, self.tone), np.uint8)


def draw_look(scene: Scene, light: Light, rng: np.random.Generator) -> Look:
    """A camera and the light of one video, at random within what the ``light`` allows."""
    h, w = scene.albedo.shape[:2]
    rows, columns = np.mgrid[0:h, 0:w].astype(np.float32)
    radius = np.hypot((columns - w / 2) / w, (rows - h / 2) / w) / 0.57
    vignette = 1 - rng.uniform(0.08, 0.25) * radius**2
    if light == "ir":
        return _night_look(scene, columns, rows, rng)
    sun = rng.uniform(0.15, 1.0) if light == "day" else 0.08
    lit = scene.sun**sun * vignette
    target = rng.uniform(88, 128) if light == "day" else rng.uniform(50, 78)
    saturation = rng.uniform(0.55, 0.95) if light == "day" else rng.uniform(0.2, 0.45)
    tint = np.array((1, 1, 1)) + (
        rng.normal(0, 0.045, 3) if light == "day" else np.array((-0.10, -0.02, 0.12))
    )
    shutter = rng.uniform(1 / 250, 1 / 80) if light == "day" else rng.uniform(1 / 45, 1 / 25)
    sigma = rng.uniform(1.2, 3.0) if light == "day" else rng.uniform(3.0, 6.0)
    contrast = rng.uniform(0.4, 0.9) if light == "day" else rng.uniform(0.1, 0.5)
    matrix = _colour_matrix(saturation, tint)
    gain = _exposed(scene.albedo, matrix, lit, target)
    return Look(
        light=light,
        matrix=matrix,
        tone=_tone_curve(contrast, black=rng.uniform(4, 18), white=rng.uniform(238, 255)),
        background=(gain * lit).astype(np.float32),
        standing=(gain * lit).astype(np.float32),
        lamp_m=0.0,
        lamp_power=0.0,
        noise=_noise_bank(h, w, sigma, 0.55, rng),
        softness_px=rng.uniform(0.35, 0.85) * h / 360,
        shutter_s=shutter,
        shadow=rng.uniform(0.4, 0.6) if light == "day" else 0.35,
    )


def _night_look(scene: Scene, columns: Float32, rows: Float32, rng: np.random.Generator) -> Look:
    """Infrared: a lamp beside the lens, monochrome, bright near by and in the middle, grainy."""
    h, w = columns.shape
    centre = (w * rng.uniform(0.4, 0.6), h * rng.uniform(0.4, 0.65))
    off = np.hypot(columns - centre[0], rows - centre[1]) / w
    beam = np.exp(-((off / rng.uniform(0.42, 0.7)) ** 2))
    lamp_m, power = rng.uniform(4.0, 7.0), rng.uniform(0.75, 1.25)
    falloff = (lamp_m / np.maximum(scene.depth, 0.7)) ** power
    red, green, blue = rng.uniform(0.15, 0.35), rng.uniform(0.65, 0.85), rng.uniform(-0.15, 0.0)
    matrix = np.tile(np.array([[red, green, blue]], np.float32), (3, 1))
    lit = (0.06 + 0.94 * beam).astype(np.float32)
    gain = _exposed(scene.albedo, matrix, lit * falloff, rng.uniform(44, 74))
    standing = (gain * lit).astype(np.float32)
    return Look(
        light="ir",
        matrix=matrix,
        tone=_tone_curve(rng.uniform(0.0, 0.35), black=rng.uniform(8, 26), white=255),
        background=(standing * falloff).astype(np.float32),
        standing=standing,
        lamp_m=lamp_m,
        lamp_power=power,
        noise=_noise_bank(h, w, rng.uniform(4.0, 9.0), 0.0, rng),
        softness_px=rng.uniform(0.5, 1.0) * h / 360,
        shutter_s=rng.uniform(1 / 50, 1 / 22),
        shadow=0.25,
        fur=rng.uniform(1.3, 1.9),
    )


def develop(frame: Image, look: Look, gain: float, rng: np.random.Generator) -> Image:
    """(H, W, 3) what lens and sensor make of a drawn frame: softness, exposure ``gain``, noise."""
    soft = cv2.GaussianBlur(frame, (0, 0), look.softness_px) if look.softness_px > 0.3 else frame
    if abs(gain - 1) > 0.004:
        soft = cv2.convertScaleAbs(soft, alpha=gain)
    h, w = frame.shape[:2]
    grain = look.noise[rng.integers(len(look.noise))]
    y, x = rng.integers(0, _NOISE_MARGIN, 2)
    return np.asarray(cv2.add(soft, grain[y : y + h, x : x + w], dtype=cv2.CV_8U), np.uint8)


def motion_blur(rgba: Image, dx: float, dy: float) -> tuple[Image, int]:
    """Smear a premultiplied (h, w, 4) sprite along (dx, dy) pixels; returns it padded, and by how much."""
    length = float(np.hypot(dx, dy))
    if length < 1.3:
        return rgba, 0
    half = min(int(np.ceil(length / 2)) + 1, 24)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    start = (half - dx / 2, half - dy / 2)
    for t in np.linspace(0, 1, 4 * half + 1):
        kernel[round(start[1] + dy * t) % (2 * half + 1), round(start[0] + dx * t) % (2 * half + 1)] += 1
    padded = cv2.copyMakeBorder(rgba, half, half, half, half, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    return np.asarray(cv2.filter2D(padded, -1, kernel / kernel.sum()), np.uint8), half


def shine(frame: Image, column: float, row: float, radius: float, strength: float) -> None:
    """Draw the lamp's reflection from one eye, in place: a bright disc with a bloom."""
    reach = int(5 * radius) + 3
    x0, y0 = round(column) - reach, round(row) - reach
    h, w = frame.shape[:2]
    if x0 < 0 or y0 < 0 or x0 + 2 * reach + 1 > w or y0 + 2 * reach + 1 > h:
        return
    ys, xs = np.mgrid[0 : 2 * reach + 1, 0 : 2 * reach + 1].astype(np.float32)
    far = np.hypot(xs + x0 - column, ys + y0 - row)
    glow = 255 * np.clip(radius + 0.5 - far, 0, 1) + 110 * np.exp(-((far / (1.9 * radius)) ** 2))
    light = np.clip(glow * strength, 0, 255).astype(np.uint8)
    window = (slice(y0, y0 + 2 * reach + 1), slice(x0, x0 + 2 * reach + 1))
    frame[window] = cv2.add(frame[window], cv2.merge([light] * 3))


def _exposed(albedo: Image, matrix: Float32, lit: Float32, target: float) -> float:
    """Automatic exposure: the factor on (H, W) ``lit`` that brings the picture's mean to ``target``."""
    small = cv2.resize(
        cv2.transform(albedo.astype(np.float32), matrix), (64, 36), interpolation=cv2.INTER_AREA
    )
    light = small * cv2.resize(lit, (64, 36), interpolation=cv2.INTER_AREA)[..., None]
    factor = 1.0
    for _ in range(4):  # what is over-exposed does not count in full, so a few rounds
        factor *= target / max(float(np.clip(light * factor, 0, 255).mean()), 1.0)
    return float(np.clip(factor, 0.2, 4.0))


def _colour_matrix(saturation: float, tint: Float32) -> Float32:
    grey = np.array([0.30, 0.59, 0.11])
    return np.asarray(tint[:, None] * (saturation * np.eye(3) + (1 - saturation) * grey[None, :]), np.float32)


def _tone_curve(contrast: float, *, black: float, white: float) -> Image:
    """(256,) uint8: an S from ``black`` to ``white``; ``contrast`` 0 is a straight line, 1 a full S."""
    x = np.linspace(0, 1, 256, dtype=np.float32)
    curve = x * (1 - 0.6 * contrast) + 0.6 * contrast * smoothstep(x, -0.05, 0.95)
    return np.clip(black + (white - black) * curve, 0, 255).astype(np.uint8)


def _noise_bank(
    height: int, width: int, sigma: float, colour: float, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Sensor noise, partly smoothed as cameras' own noise reduction leaves it."""
    shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN)
    bank = []
    for _ in range(_NOISE_FRAMES):
        grey = rng.standard_normal((*shape, 1), np.float32)
        chroma = (
            rng.standard_normal((*shape, 3), np.float32) * colour
            if colour
            else np.zeros((*shape, 3), np.float32)
        )
        noise = cv2.GaussianBlur(np.broadcast_to(grey, chroma.shape) + chroma, (0, 0), 0.6)
        bank.append(np.rint(noise * (sigma / noise.std())).astype(np.int16))
    return tuple(bank)
