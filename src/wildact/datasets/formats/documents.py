"""JSON documents of other tools: checked against a model of what is needed of them, and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from wildact.atomic import replacing
from wildact.errors import DatasetError
from wildact.export.json_stream import write_json

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
