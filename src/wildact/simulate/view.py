"""The perspective of a camera trap: from metres on the ground to pixels of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wildact.types import Float32


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera strapped to a tree, looking over a plane that may slope sideways.

    Ground coordinates are metres: ``x`` to the right of the optical axis, ``z`` away from the camera.

    Attributes:
        width: of the frame, pixels.
        height: of the frame, pixels.
        focal_px: focal length, pixels.
        horizon_px: row of the horizon in the middle column, pixels.
        height_m: of the camera above the ground.
        slope: rise of the horizon, pixels per pixel to the right.
    """

    width: int
    height: int
    focal_px: float
    horizon_px: float
    height_m: float
    slope: float

    def px_per_m(self, z: float) -> float:
        """Pixels that one metre across the line of sight takes at ``z`` metres."""
        return self.focal_px / z

    def project(self, x: float, z: float) -> tuple[float, float]:
        """Column and row of the ground point (x, z)."""
        column = self.width / 2 + self.focal_px * x / z
        return column, self.horizon_at(column) + self.focal_px * self.height_m / z

    def horizon_at(self, column: float) -> float:
        """Row of the horizon in a column."""
        return self.horizon_px - self.slope * (column - self.width / 2)

    def half_width_m(self, z: float) -> float:
        """Metres from the optical axis to the border of the picture at ``z`` metres."""
        return z * self.width / (2 * self.focal_px)

    @property
    def near_m(self) -> float:
        """Distance at which the ground comes into the picture at its lower border."""
        return self.focal_px * self.height_m / (self.height - self.horizon_px)

    def ground_coordinates(self, far_m: float) -> tuple[Float32, Float32]:
        """(H, W) float32 x and z, metres, of the ground seen in each pixel; z is cut off at ``far_m``."""
        rows, columns = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        drop = rows - (self.horizon_px - self.slope * (columns - self.width / 2))
        z = self.focal_px * self.height_m / np.maximum(drop, self.focal_px * self.height_m / far_m)
        x = (columns - self.width / 2) * z / self.focal_px
        return x.astype(np.float32), z.astype(np.float32)


def draw_view(width: int, height: int, rng: np.random.Generator) -> View:
    """A camera as a field worker may have hung it: height, angle of view and tilt vary."""
    angle = np.deg2rad(rng.uniform(44, 56))
    focal = width / 2 / np.tan(angle / 2)
    return View(
        width=width,
        height=height,
        focal_px=float(focal),
        horizon_px=float(height * rng.uniform(0.30, 0.42)),
        height_m=float(rng.uniform(0.75, 1.15)),
        slope=float(rng.uniform(-0.05, 0.05)),
    )
