"""Large JSON documents, written entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO


def write_json(file: TextIO, document: Mapping[str, Any]) -> None:
    """Write an object in one line; a value that is an iterator becomes a list, of which one item is held.

    Args:
        file: open for writing, UTF-8.
        document: name -> anything that JSON knows, or an iterator over such.
    """
    encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    file.write("{")
    for k, (key, value) in enumerate(document.items()):
        file.write(f"{',' if k else ''}{encoder.encode(key)}:")
        if not isinstance(value, Iterator):
            file.write(encoder.encode(value))
            continue
        file.write("[")
        for n, item in enumerate(value):
            file.write(f"{',' if n else ''}{encoder.encode(item)}")
        file.write("]")
    file.write("}\n")
