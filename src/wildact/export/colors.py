"""Colours that mean the same in videos, ethograms and the report; told apart by colour-blind readers too.

Reference: Okabe & Ito 2008, Color Universal Design; Wong 2011, Points of view: Color blindness.
"""

from __future__ import annotations

import zlib

Rgb = tuple[int, int, int]

TRACK_COLORS: tuple[Rgb, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
ACTION_COLORS: dict[str, Rgb] = {
    "walking": (86, 180, 233),
    "running": (213, 94, 0),
    "grazing": (0, 158, 115),
    "vigilant": (240, 200, 66),
    "resting": (120, 130, 150),
    "grooming": (204, 121, 167),
}


def track_color(track_id: int) -> Rgb:
    """Colour of a track; numbers beyond the palette begin anew."""
    return TRACK_COLORS[(track_id - 1) % len(TRACK_COLORS)]


def action_color(action: str) -> Rgb:
    """Colour of an action; one that has none of its own gets the same of the palette every time."""
    if action in ACTION_COLORS:
        return ACTION_COLORS[action]
    return TRACK_COLORS[zlib.crc32(action.encode()) % len(TRACK_COLORS)]


def to_hex(color: Rgb) -> str:
    """As HTML and matplotlib write it."""
    return "#{:02x}{:02x}{:02x}".format(*color)
