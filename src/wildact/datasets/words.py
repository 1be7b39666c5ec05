"""Values out of files, numbers and frames as messages say them."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping

Thing = tuple[str, str]
"""What something is called that can be counted: one of it, and several."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_MOST_RANGES = 4


def quote(value: object) -> str:
    """A value out of a file as a message can show it: short, on one line, control characters spelled out."""
    return _SHORT.repr(value)


def list_frames(frames: Iterable[int]) -> str:
    """Increasing frame numbers in words: ``frame 3``, ``frames 3-9 and 12``, with ranges' ends inclusive."""
    ranges: list[list[int]] = []
    for frame in frames:
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1][1] = frame
        else:
            ranges.append([frame, frame])
    texts = [f"{first}-{last}" if last > first else f"{first}" for first, last in ranges]
    count = sum(last - first + 1 for first, last in ranges)
    if len(texts) > _MOST_RANGES:
        return f"frames {', '.join(texts[:_MOST_RANGES])} and others ({count} in all)"
    listed = " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
    return f"{'frames' if count > 1 else 'frame'} {listed}"


def plural(number: int, thing: str, things: str | None = None) -> str:
    """``1 mask``, ``412 masks``; empty for none."""
    if number == 0:
        return ""
    return f"{number} {thing}" if number == 1 else f"{number} {things or thing + 's'}"


def list_things(numbers: Mapping[Thing, int]) -> tuple[str, ...]:
    """``("1 mask", "3 boxes")``: how many there are of each thing, without those of which there are none."""
    return tuple(plural(number, *thing) for thing, number in numbers.items() if number)
