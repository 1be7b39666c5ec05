"""Colours that mean the same in videos, ethograms and the report; told apart by colour-blind readers too.

Reference: Okabe & Ito 2008, Color Universal Design; Wong 2011, Points of view: Color blindness; Tol 2021,
Colour Schemes (``muted``).
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Sequence
from itertools import chain, count

from wildact.types import UNKNOWN, VideoResult

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
    UNKNOWN: (214, 218, 223),
}
MORE_COLORS: tuple[Rgb, ...] = (
    (230, 159, 0),
    (0, 114, 178),
    (136, 34, 85),
    (153, 153, 51),
    (51, 34, 136),
    (221, 204, 119),
    (68, 170, 153),
    (140, 86, 75),
)
"""For actions that have no colour of their own."""

GOLDEN = 0.618034  # steps of so much of the circle of hues fill its gaps evenly


def track_color(track_id: int) -> Rgb:
    """Colour of a track; numbers beyond the palette begin anew."""
    return TRACK_COLORS[(track_id - 1) % len(TRACK_COLORS)]


def action_colors(actions: Sequence[str]) -> dict[str, Rgb]:
    """Colours of actions, no two the same.

    Args:
        actions: all that a network or a data set knows, so that each has one colour in all pictures.
    """
    others = _other_colors([ACTION_COLORS[name] for name in actions if name in ACTION_COLORS])
    return {name: ACTION_COLORS[name] if name in ACTION_COLORS else next(others) for name in actions}


def action_hex(actions: Sequence[str]) -> dict[str, str]:
    """`action_colors` as HTML and matplotlib write them."""
    return {name: to_hex(color) for name, color in action_colors(actions).items()}


def result_hex(result: VideoResult) -> dict[str, str]:
    """`action_hex` of the actions that a result's network knows, and of others that its bouts may name."""
    known = result.actions[0].classes if result.actions else ()
    return action_hex(list(dict.fromkeys([*known, *sorted(bout.action for bout in result.bouts)])))


def _other_colors(taken: Sequence[Rgb]) -> Iterator[Rgb]:
    """Colours without end, none of them taken and no two the same."""
    seen = set(taken)
    for color in chain(MORE_COLORS, ACTION_COLORS.values(), map(_shade, count(1))):
        if color not in seen:
            seen.add(color)
            yield color


def _shade(number: int) -> Rgb:
    """One hue after the other, in turn light and dark."""
    red, green, blue = colorsys.hsv_to_rgb(number * GOLDEN % 1, 0.75, 0.9 if number % 2 else 0.55)
    return round(255 * red), round(255 * green), round(255 * blue)


def to_hex(color: Rgb) -> str:
    """As HTML and matplotlib write it."""
    return "#{:02x}{:02x}{:02x}".format(*color)
