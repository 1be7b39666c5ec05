"""Tables that people make with spreadsheets, read by the names of their columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wildact.atomic import replacing
from wildact.datasets.words import quote
from wildact.errors import DatasetError, OutputError

_DELIMITERS = ",;\t"


class HeaderError(DatasetError):
    """No line of a table names the columns that it must have."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one row of names above its rows.

    Attributes:
        path: the file.
        columns: names, in order.
        rows: each with the words by which an error names it, and column -> text without outer spaces.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, dict[str, str]], ...]


def read_table(path: Path, required: Sequence[str] = ()) -> Table:
    """Read a table of UTF-8 text, separated by commas, semicolons or tabs; a byte order mark is read over.

    Lines above the one that names all of ``required`` are skipped, as are empty lines; a missing cell is
    empty.

    Raises:
        HeaderError: if no line holds all required names.
        DatasetError: if the file cannot be read, two columns have one name, or a row is too long.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text ({error}); save it as 'CSV UTF-8'.") from error
    for delimiter in sorted(_DELIMITERS, key=text.count, reverse=True):
        table = _split(path, text, delimiter, required)
        if table is not None:
            return table
    raise HeaderError(f"{path}: no line names the columns {', '.join(required)}.")


def write_template(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table to be filled; the cells that a row does not name are empty.

    Raises:
        OutputError: if the file is there already, or cannot be written.
    """
    refuse_existing(path)
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def refuse_existing(path: Path) -> None:
    """Raise OutputError where a file is that somebody may have filled."""
    if path.exists():
        raise OutputError(f"{path} exists already; move it away to get a fresh template.")


def _split(path: Path, text: str, delimiter: str, required: Sequence[str]) -> Table | None:
    """The table, if with this delimiter some line holds all required names."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows = []
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            where = f"{path}, line {reader.line_num}"
            if not any(values):
                continue
            if not columns and set(required) <= set(values):
                columns = _check_columns(where, values)
            elif columns:
                if len(values) > len(columns) and any(values[len(columns) :]):
                    raise DatasetError(
                        f"{where}: {len(values)} cells, but {len(columns)} columns have a name."
                    )
                values += [""] * (len(columns) - len(values))
                rows.append((where, dict(zip(columns, values, strict=False))))
    except csv.Error as error:
        if columns:
            raise DatasetError(f"{path}, line {reader.line_num}: {error}.") from error
    return Table(path, columns, tuple(rows)) if columns else None


def _check_columns(where: str, values: list[str]) -> tuple[str, ...]:
    while values and not values[-1]:
        values = values[:-1]
    if doubles := sorted({value for value in values if value and values.count(value) > 1}):
        raise DatasetError(f"{where}: two columns are called {quote(doubles[0])}.")
    return tuple(values)
