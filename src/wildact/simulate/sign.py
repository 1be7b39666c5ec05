"""The maker's sign that many camera traps burn into a corner: no animal, though round and plump."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wildact.simulate.layers import overlap, paste
from wildact.types import Bool, Image

SHARE = 0.5
"""Share of the cameras that have one."""

_GROUNDS = ("oval", "plate", "disc", "shield", "none")
_EMBLEMS = ("letters", "letters", "paw", "peaks", "sight")
_COLOURS = (
    (226, 110, 48), (198, 40, 38), (34, 84, 160), (244, 244, 244), (14, 14, 14), (238, 196, 40),
    (118, 140, 120), (150, 158, 140), (92, 104, 84), (128, 110, 84), (176, 180, 182), (64, 58, 50),
)  # fmt: skip
_SYLLABLES = ("BU", "ren", "TRA", "co", "nyx", "FEN", "wild", "SPY", "Lark", "oak", "mo", "Key")
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)

_FINE = 4  # drawn so many times larger, and shrunk: OpenCV's own smooth edges know no transparency


@dataclass(frozen=True, slots=True)
class Sign:
    """A picture that lies over every frame of a camera.

    Attributes:
        patch: (h, w, 4) uint8, premultiplied.
        left: column of the frame on which it begins, pixels; may lie outside.
        top: row, likewise.
    """

    patch: Image
    left: int
    top: int

    def stamp(self, frame: Image) -> None:
        """Burn it into the (H, W, 3) frame, in place."""
        paste(frame, self.patch, self.left, self.top)

    def cover(self, height: int, width: int) -> Bool:
        """(H, W) where it hides what lies behind it in a frame of that size."""
        covered = np.zeros((height, width), bool)
        window = overlap(self.patch.shape[1], self.patch.shape[0], self.left, self.top, width, height)
        if window is not None:
            covered[window[1]] = self.patch[window[0]][..., 3] > 127
        return covered


def draw_sign(width: int, height: int, bar: slice, rng: np.random.Generator) -> Sign | None:
    """The sign of one camera, or None where it has none.

    Args:
        width: of the frame, pixels.
        height: of the frame, pixels.
        bar: rows of the frame that a banner covers; the sign keeps to the rest.
        rng: of this camera.
    """
    if rng.random() >= SHARE:
        return None
    size = rng.uniform(0.08, 0.22) * height
    ground, emblem = _GROUNDS[rng.integers(len(_GROUNDS))], _EMBLEMS[rng.integers(len(_EMBLEMS))]
    stretch = rng.uniform(1.3, 2.2) if ground in ("oval", "plate", "none") else 1.0
    patch = _paint(max(8, round(size * stretch)), max(8, round(size)), ground, emblem, rng)
    first, last = (bar.stop, height) if bar.start == 0 else (0, bar.start)
    inset = rng.uniform(-0.45, 0.35, 2) * size  # some are cut off by the corner
    x, y = round(inset[0]), round(inset[1] if bar.start == bar.stop else max(inset[1], 0))
    h, w = patch.shape[:2]
    right, low = rng.random() < 0.4, rng.random() < 0.7
    return Sign(patch, width - w - x if right else x, last - h - y if low else first + y)


def _paint(width: int, height: int, ground: str, emblem: str, rng: np.random.Generator) -> Image:
    """(height, width, 4) uint8, premultiplied."""
    w, h = width * _FINE, height * _FINE
    colour = np.array(_COLOURS[rng.integers(len(_COLOURS))]) * rng.uniform(0.85, 1.0)
    ink = (24, 24, 24) if colour @ (0.3, 0.59, 0.11) > 150 else (244, 244, 244)
    plain, inked = _paint_ground(w, h, ground), np.zeros((h, w), np.uint8)
    if ground == "none":
        ink = _COLOURS[rng.integers(len(_COLOURS))]
    elif rng.random() < 0.4:  # an outline
        inner = cv2.erode(plain, np.ones((3, 3), np.uint8), iterations=max(1, h // 14), borderValue=0)
        inked = np.asarray(cv2.subtract(plain, inner), np.uint8)
    _paint_emblem(inked, emblem, rng)
    shade = np.linspace(1.0, rng.uniform(0.6, 1.0), h)[:, None, None]
    picture = np.where(inked[..., None] > 0, np.array(ink, float), colour * shade)
    alpha = np.maximum(plain, inked)[..., None] / 255 * rng.uniform(0.75, 1.0)
    fine = np.concatenate([picture * alpha, 255 * alpha], axis=2).astype(np.float32)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).round().astype(np.uint8)


def _paint_ground(w: int, h: int, ground: str) -> Image:
    """(h, w) uint8, 255 where the sign is not transparent."""
    shape = np.zeros((h, w), np.uint8)
    if ground in ("oval", "disc"):
        cv2.ellipse(shape, (w // 2, h // 2), (w // 2 - 1, h // 2 - 1), 0, 0, 360, 255, -1)
    elif ground == "plate":
        r = h // 5
        cv2.rectangle(shape, (r, r), (w - r - 1, h - r - 1), 255, -1)
        shape = np.asarray(cv2.dilate(shape, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * r, 2 * r))))
    elif ground == "shield":
        corners = np.array([(0, 0.08), (0.5, 0), (1, 0.08), (0.92, 0.62), (0.5, 1), (0.08, 0.62)])
        cv2.fillPoly(shape, [(corners * (w - 1, h - 1)).astype(np.int32)], 255)
    return shape


def _paint_emblem(inked: Image, emblem: str, rng: np.random.Generator) -> None:
    """Draw what stands on the sign into the (h, w) uint8 mask, in place."""
    h, w = inked.shape
    middle, unit = np.array([w / 2, h / 2]), 0.32 * h

    def at(x: float, y: float) -> tuple[int, int]:
        return round(middle[0] + x * unit), round(middle[1] + y * unit)

    if emblem == "letters":
        word = "".join(_SYLLABLES[k] for k in rng.integers(len(_SYLLABLES), size=rng.integers(1, 4)))
        font, thick = _FONTS[rng.integers(len(_FONTS))], max(1, h // 22)
        (long, tall), _ = cv2.getTextSize(word, font, 1.0, thick)
        scale = min(0.84 * w / long, 0.5 * h / tall)
        corner = round(middle[0] - scale * long / 2), round(middle[1] + scale * tall / 2)
        cv2.putText(inked, word, corner, font, scale, 255, thick, cv2.LINE_8)
    elif emblem == "paw":
        cv2.ellipse(inked, at(0, 0.45), (round(0.55 * unit), round(0.45 * unit)), 0, 0, 360, 255, -1)
        for x, y in ((-0.75, -0.1), (-0.28, -0.6), (0.28, -0.6), (0.75, -0.1)):
            cv2.ellipse(inked, at(x, y), (round(0.2 * unit), round(0.3 * unit)), 0, 0, 360, 255, -1)
    elif emblem == "peaks":
        for x, top in ((-0.5, -0.4), (0.35, -0.8)):
            cv2.fillPoly(inked, [np.array([at(x - 0.75, 0.7), at(x, top), at(x + 0.75, 0.7)])], 255)
    else:
        cv2.circle(inked, at(0, 0), round(0.6 * unit), 255, max(1, h // 24))
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            cv2.line(inked, at(0.35 * x, 0.35 * y), at(x, y), 255, max(1, h // 24))
