"""Large JSON documents, written entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(file: TextIO, document: Mapping[str, Any] | Iterator[Any]) -> None:
    """Write an object or a list in one line; an iterator becomes a list, of which one item is held at a time.

    Args:
        file: open for writing, UTF-8.
        document: name -> anything that JSON knows, or an iterator over such; or such an iterator itself.
    """
    if isinstance(document, Iterator):
        _write_list(file, document)
    else:
        file.write("{")
        for k, (key, value) in enumerate(document.items()):
            file.write(f"{',' if k else ''}{_ENCODER.encode(key)}:")
            if isinstance(value, Iterator):
                _write_list(file, value)
            else:
                file.write(_ENCODER.encode(value))
        file.write("}")
    file.write("\n")


def _write_list(file: TextIO, items: Iterator[Any]) -> None:
    file.write("[")
    for k, item in enumerate(items):
        file.write(f"{',' if k else ''}{_ENCODER.encode(item)}")
    file.write("]")
