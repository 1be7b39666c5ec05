"""JSON documents of other tools: checked against a model of what is needed of them, and written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from wildact.datasets.checks import MAX_PIXELS
from wildact.errors import DatasetError
from wildact.export.atomic import replacing
from wildact.export.json_stream import write_json
from wildact.masks import from_coco, mask_area, polygons_to_mask
from wildact.types import Rle

Id = int | str
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
XYWH = tuple[float, float, float, float]

T = TypeVar("T")


class Part(BaseModel):
    """A part of a document; keys that are not listed are passed over."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


def load_document(path: Path, model: type[T]) -> T:
    """Read a JSON file.

    Args:
        path: the file, UTF-8.
        model: a `Part`, or a list of such.

    Raises:
        DatasetError: naming the first entry that is wrong, and why.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist; check the name.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return TypeAdapter(model).validate_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise DatasetError(f"{path}: {describe_error(error)}.") from error


def describe_error(error: ValidationError) -> str:
    """The first thing that is wrong: where, and what."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"not JSON ({first['msg'].removeprefix('Invalid JSON: ')})"
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"])
    what = first["msg"][:1].lower() + first["msg"][1:]
    return f"{place.removeprefix('.')}: {what}" if place else what


def save_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write an object as JSON, whole or not at all; values that are iterators become lists.

    Raises:
        OutputError: if the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        write_json(file, document)


def read_segmentation(segmentation: Any, width: int, height: int) -> Rle | None:
    """A COCO segmentation as a mask: polygons, or run lengths of either kind; None where there is none.

    A polygon that covers no pixel is none.

    Raises:
        ValueError: if it is something else, or not of the frame's size.
    """
    if not segmentation:
        return None
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"its mask cannot be drawn in a frame of {width} x {height} pixels")
    if isinstance(segmentation, Mapping):
        mask = from_coco(dict(segmentation))
        if (mask.width, mask.height) != (width, height):
            raise ValueError(f"its mask is of {mask.width} x {mask.height} pixels, not {width} x {height}")
        return mask
    if not isinstance(segmentation, list):
        raise ValueError("its segmentation is neither polygons nor run lengths")
    return draw_polygons([_points(polygon) for polygon in segmentation], width, height)


def _points(polygon: Any) -> np.ndarray:
    """(P, 2) points of ``[x1, y1, x2, y2, ...]``."""
    good = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
    if not good or not all(type(v) in (int, float) and math.isfinite(v) for v in polygon):
        raise ValueError("a polygon needs at least three points, each of two numbers")
    return np.array(polygon, np.float64).reshape(-1, 2)


def draw_polygons(polygons: list[np.ndarray], width: int, height: int) -> Rle | None:
    """Fill (P, 2) polygons; None where they cover no pixel.

    Raises:
        ValueError: if one lies far outside the frame.
    """
    points = np.concatenate(polygons)
    size = np.array([width, height])
    if (points < -size).any() or (points > 2 * size).any():
        raise ValueError("its polygon lies far outside the frame")
    mask = polygons_to_mask([polygon.astype(np.float32) for polygon in polygons], height, width)
    return mask if mask_area(mask) else None
