"""The strip of text that camera traps burn into their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import cv2
import numpy as np

from wildact.types import Image

Style = Literal["black bar", "white bar", "black top", "plain"]

_STYLES: tuple[Style, ...] = ("black bar", "white bar", "black top", "plain")
_BRANDS = ("WILDSPY", "TRAILEYE", "Fennhook", "NOCTRA", "ScoutBox", "Larkwood")
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_PLAIN)


@dataclass(frozen=True, slots=True)
class Banner:
    """What a camera writes into its frames.

    Attributes:
        style: bar and colours.
        brand: a made-up maker.
        name: of the camera.
        font: OpenCV's number of the typeface.
        date_format: for ``strftime``.
        fahrenheit: whether the temperature is shown in degrees Fahrenheit first.
    """

    style: Style
    brand: str
    name: str
    font: int
    date_format: str
    fahrenheit: bool

    def rows(self, height: int) -> slice:
        """Rows of a frame of ``height`` pixels that the bar covers; an empty range where there is no bar."""
        bar = max(6, round(height * 0.062))
        if self.style == "plain":
            return slice(height, height)
        return slice(0, bar) if self.style == "black top" else slice(height - bar, height)

    def stamp(self, frame: Image, moment: datetime, celsius: int) -> None:
        """Burn the banner into the (H, W, 3) frame, in place."""
        height, width = frame.shape[:2]
        bar = max(6, round(height * 0.062))
        rows = self.rows(height)
        base = (bar if self.style == "black top" else height) - round(0.24 * bar)
        ink = (16, 16, 16) if self.style == "white bar" else (245, 245, 245)
        if self.style != "plain":
            frame[rows] = 238 if self.style == "white bar" else 6
        temperature = f"{round(celsius * 9 / 5 + 32)}F {celsius}C" if self.fahrenheit else f"{celsius}C"
        left = self.brand if self.style != "black top" else self.name
        texts = (left, temperature, moment.strftime(self.date_format))
        size = self._text_size(texts, bar, width)
        for text, share in zip(texts, (0.0, 0.42, 1.0), strict=True):
            (text_width, _), _ = cv2.getTextSize(text, self.font, size, 1)
            x = round(0.015 * width + share * (0.97 * width - text_width))
            if self.style == "plain":
                cv2.putText(frame, text, (x + 1, base + 1), self.font, size, (8, 8, 8), 1, cv2.LINE_AA)
            cv2.putText(frame, text, (x, base), self.font, size, ink, 1, cv2.LINE_AA)
        if self.style != "plain":
            _moon(frame, round(0.34 * width), (rows.start + rows.stop) // 2, max(2, bar // 4), moment, ink)

    def _text_size(self, texts: tuple[str, ...], bar: int, width: int) -> float:
        """OpenCV's scale at which letters fill half of the bar's height, and the line its width at most."""
        (_, letters), _ = cv2.getTextSize("0", self.font, 1.0, 1)
        total = sum(cv2.getTextSize(text, self.font, 1.0, 1)[0][0] for text in texts)
        return float(min(0.55 * bar / max(letters, 1), 0.85 * width / max(total, 1)))


def draw_banner(name: str, rng: np.random.Generator) -> Banner:
    """How one camera is set up."""
    return Banner(
        style=_STYLES[rng.integers(len(_STYLES))],
        brand=_BRANDS[rng.integers(len(_BRANDS))],
        name=name,
        font=_FONTS[rng.integers(len(_FONTS))],
        date_format=("%Y-%m-%d %H:%M:%S", "%d/%m/%Y  %I:%M:%S %p", "%m-%d-%Y %H:%M:%S")[rng.integers(3)],
        fahrenheit=bool(rng.random() < 0.5),
    )


def _moon(frame: Image, x: int, y: int, radius: int, moment: datetime, ink: tuple[int, int, int]) -> None:
    """The phase of the moon, as the icon that most cameras draw."""
    age = ((moment - datetime(2000, 1, 6, 18, 14)) / timedelta(days=29.530589)) % 1.0
    cv2.circle(frame, (x, y), radius, ink, 1, cv2.LINE_AA)
    ys, xs = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    edge = np.cos(2 * np.pi * age) * np.sqrt(np.maximum(radius**2 - ys**2, 0))
    lit = (np.hypot(xs, ys) <= radius) & ((xs > edge) if age < 0.5 else (xs < -edge))
    patch = frame[y - radius : y + radius + 1, x - radius : x + radius + 1]
    if patch.shape[:2] == lit.shape:
        patch[lit] = ink
