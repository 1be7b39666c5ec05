"""Single shapes of a CVAT file: boxes, polygons and masks, from the attributes of an element."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np

from wildact.datasets.formats.cvat.meta import Task
from wildact.datasets.limits import MAX_FRAMES, MAX_PX
from wildact.errors import DatasetError
from wildact.masks import encode_cropped_mask
from wildact.types import Float64, Rle

Box = tuple[float, float, float, float]


def read_whole(
    where: str, attributes: Mapping[str, str], key: str, *, least: int = 0, most: int = MAX_FRAMES - 1
) -> int:
    """A whole number of a range.

    Raises:
        DatasetError: if it is absent or something else.
    """
    try:
        number = int(attributes[key])
    except KeyError as error:
        raise DatasetError(f"{where}: '{key}' is absent.") from error
    except ValueError as error:
        raise DatasetError(f"{where}: {key} must be a whole number, not {attributes[key][:40]!r}.") from error
    if not least <= number <= most:
        raise DatasetError(f"{where}: {key} must be from {least} to {most}, not {attributes[key][:40]}.")
    return number


def read_box(where: str, attributes: Mapping[str, str]) -> Box:
    """A box, xyxy pixels.

    Raises:
        DatasetError: if a side is absent, or no number of pixels.
    """
    try:
        x1, y1 = float(attributes["xtl"]), float(attributes["ytl"])
        x2, y2 = float(attributes["xbr"]), float(attributes["ybr"])
    except KeyError as error:
        raise DatasetError(f"{where}: {error} is absent.") from error
    except ValueError as error:
        raise DatasetError(f"{where}: xtl, ytl, xbr and ybr must be numbers.") from error
    if not max(abs(x1), abs(y1), abs(x2), abs(y2)) < MAX_PX or math.isnan(x1 + y1 + x2 + y2):
        raise DatasetError(f"{where}: xtl, ytl, xbr and ybr must be numbers of pixels.")
    return x1, y1, x2, y2


def turn_box(where: str, box: Box, rotation: str, task: Task) -> Box:
    """The upright box around one that is turned about its centre, cut off at the borders of the frame.

    Args:
        where: for messages.
        box: xyxy pixels, before it is turned.
        rotation: degrees, as text.
        task: tells the frame, if it knows it.

    Raises:
        DatasetError: if the rotation is no number.
    """
    try:
        angle = math.radians(float(rotation))
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    except ValueError as error:
        raise DatasetError(f"{where}: rotation must be a number of degrees.") from error
    x1, y1, x2, y2 = box
    width, height = (x2 - x1) * cos + (y2 - y1) * sin, (x2 - x1) * sin + (y2 - y1) * cos
    left, top = (x1 + x2 - width) / 2, (y1 + y2 - height) / 2
    right, bottom = (task.width, task.height) if task.width else (math.inf, math.inf)
    return max(left, 0.0), max(top, 0.0), min(left + width, right), min(top + height, bottom)


def read_polygon(where: str, attributes: Mapping[str, str]) -> Float64:
    """(P, 2) points, P >= 3.

    Raises:
        DatasetError: if there are none, or they are something else.
    """
    try:
        points = np.array([pair.split(",") for pair in attributes["points"].split(";")], np.float64)
    except KeyError as error:
        raise DatasetError(f"{where}: 'points' is absent.") from error
    except ValueError as error:
        raise DatasetError(f"{where}: points must be 'x,y;x,y;...'.") from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not (np.abs(points) < MAX_PX).all():
        raise DatasetError(f"{where}: a polygon needs at least three points 'x,y' in pixels.")
    return points


def read_mask(where: str, attributes: Mapping[str, str], task: Task) -> Rle:
    """A mask: run lengths, row by row, of the part of the frame around it, from a run of background on.

    Raises:
        DatasetError: if they do not fit this part, or it does not fit the frame.
    """
    left, top, width, height = (
        read_whole(where, attributes, key) for key in ("left", "top", "width", "height")
    )
    text = attributes.get("rle", "")
    if not re.fullmatch(r"\s*[0-9]{1,9}(\s*,\s*[0-9]{1,9})*\s*", text):
        raise DatasetError(f"{where}: rle must be run lengths with commas between them.")
    runs = np.array([int(run) for run in text.split(",")], np.int64)
    if runs.sum() != width * height or left + width > task.width or top + height > task.height:
        raise DatasetError(
            f"{where}: a mask of {width} x {height} pixels at {left}, {top} does not fit its run lengths, or "
            f"not the frame of {task.width} x {task.height}."
        )
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return encode_cropped_mask(pixels, left, top, task.height, task.width)
