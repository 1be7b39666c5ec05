"""XML files, element by element: constant memory, and the line of each for messages.

Neither entities nor external files exist here: a document type declaration, in which they would be
declared, is refused, so that no bomb can go off and nothing else is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from wildact.errors import DatasetError

_CHUNK_BYTES = 1 << 16


class Event(NamedTuple):
    """The start or the end of an element.

    Attributes:
        start: which of the two.
        tag: its name.
        attributes: at the start; empty at the end.
        text: at the end, what stands between the last tag and this one.
        line: of the file, from 1.
    """

    start: bool
    tag: str
    attributes: dict[str, str]
    text: str
    line: int


class _DoctypeError(Exception):
    """A document type declaration."""


def iterate_xml(path: Path) -> Iterator[Event]:
    """Starts and ends of elements in the order of the file.

    Raises:
        DatasetError: if the file cannot be read, is not well-formed, or has a document type declaration.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    events: list[Event] = []
    text: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        text.clear()
        events.append(Event(True, tag, attributes, "", parser.CurrentLineNumber))

    def end(tag: str) -> None:
        events.append(Event(False, tag, {}, "".join(text), parser.CurrentLineNumber))
        text.clear()

    def refuse(*_: object) -> None:
        raise _DoctypeError

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        with path.open("rb") as file:
            last = False
            while not last:
                chunk = file.read(_CHUNK_BYTES)
                last = not chunk
                parser.Parse(chunk, last)
                yield from events
                events.clear()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise DatasetError(
            f"{path}, line {error.lineno}: not well-formed XML ({reason}); export the file again."
        ) from error
    except _DoctypeError as error:
        raise DatasetError(
            f"{path}, line {parser.CurrentLineNumber}: a document type declaration, which could declare "
            "entities, is refused; remove it."
        ) from error
    except (LookupError, ValueError) as error:
        raise DatasetError(f"{path} is in an unknown encoding ({error}); save it as UTF-8.") from error
