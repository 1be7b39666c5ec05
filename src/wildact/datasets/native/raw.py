"""The two files of a data set as they stand there: lists of entries and rows, none of them trusted yet."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildact.datasets.findings import DUPLICATE, MALFORMED, UNREADABLE, Finding, Kind, Report
from wildact.datasets.limits import LARGEST
from wildact.datasets.words import quote
from wildact.export.taxa import find_supercategory
from wildact.export.youtube_vis import ACTION_COLUMNS

ANNOTATIONS = "annotations.json"
ACTIONS = "actions.csv"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of ``annotations.json`` or a row of ``actions.csv``, not yet trusted.

    Attributes:
        file: where it stands.
        name: where in the file, e.g. ``annotations entry 7``.
        values: what it holds.
        report: takes what is wrong with it.
        id: its ``id``; None where it has none, or none that could be one.
    """

    file: Path
    name: str
    values: Mapping[str, Any]
    report: Report
    id: int | str | None = None

    def complain(self, kind: Kind, what: str) -> None:
        """Report something about this entry."""
        self.report(Finding(kind, self.file, self.name, what))

    def has(self, key: str) -> bool:
        """Whether the key is there; its absence is reported."""
        if key not in self.values:
            self.complain(MALFORMED, f"'{key}' is absent")
        return key in self.values

    def whole(self, key: str, least: int = 0, most: int = LARGEST) -> int | None:
        """A whole number from ``least`` to ``most``; None, and reported, where it is none."""
        if not self.has(key):
            return None
        value = self.values[key]
        number = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
            return number
        self.complain(MALFORMED, f"{key} must be a whole number from {least} to {most}, not {quote(value)}")
        return None

    def text(self, key: str, *, empty: bool = False) -> str | None:
        """Text or a number, as text; None, and reported, where it is something else or holds controls."""
        if not self.has(key):
            return None
        value = self.values[key]
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if isinstance(text, str) and _is_clean(text) and (empty or text.strip()):
            return text
        self.complain(MALFORMED, f"{key} must be text without control characters, not {quote(value)}")
        return None

    def items(self, key: str) -> list[Any] | None:
        """A list; None, and reported, where it is none."""
        if self.has(key) and not isinstance(self.values[key], list):
            self.complain(MALFORMED, f"{key} must be a list, not {quote(self.values[key])}")
        value = self.values.get(key)
        return value if isinstance(value, list) else None


def read_content(path: Path, report: Report) -> dict[str, Any] | None:
    """The JSON object that a file holds; None, and reported, where it holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        report(Finding(UNREADABLE, path, "", "the file does not exist"))
    except OSError as error:
        report(Finding(UNREADABLE, path, "", f"it cannot be read ({error.strerror})"))
    except RecursionError:
        report(Finding(UNREADABLE, path, "", "it is not JSON of a data set: too deeply nested"))
    except ValueError as error:  # no JSON, no UTF-8, or a number of thousands of digits
        report(Finding(UNREADABLE, path, "", f"it is not JSON: {error}"))
    else:
        if isinstance(content, dict):
            return content
        report(Finding(UNREADABLE, path, "", f"it must hold a JSON object, not a {type(content).__name__}"))
    return None


def read_entries(path: Path, content: Mapping[str, Any], key: str, report: Report) -> list[Entry]:
    """The entries of one list of ``annotations.json``; ids that are missing or given twice are reported."""
    items = content.get(key)
    if not isinstance(items, list):
        report(Finding(MALFORMED, path, key, f"'{key}' must be a list of objects"))
        return []
    entries: list[Entry] = []
    ids: set[Any] = set()
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            report(Finding(MALFORMED, path, f"{key}[{place}]", f"it must be an object, not {quote(item)}"))
            continue
        found = item.get("id")
        if not is_id(found):
            entry = Entry(path, f"{key}[{place}]", item, report)
            entry.complain(MALFORMED, f"it needs an 'id', a number or text, not {quote(found)}")
        else:
            name = str(found) if isinstance(found, int) else quote(found).strip("'\"")
            entry = Entry(path, f"{key} entry {name}", item, report, found)
            if found in ids:
                entry.complain(DUPLICATE, f"two entries of '{key}' have the same id")
            ids.add(found)
        entries.append(entry)
    return entries


def read_rows(path: Path, report: Report) -> list[Entry]:
    """The rows of ``actions.csv``: column -> text; rows of another length are reported."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark in front
        reader = csv.reader(io.StringIO(text, newline=""))
        if (header := next(reader, [])) != list(ACTION_COLUMNS):
            columns = ",".join(ACTION_COLUMNS)
            what = f"the first line must be '{columns}', not {quote(','.join(header))}"
            report(Finding(MALFORMED, path, "line 1", what))
            return []
        rows = [(f"line {reader.line_num}", row) for row in reader if row]
    except FileNotFoundError:
        report(Finding(UNREADABLE, path, "", "the file does not exist; it says what each animal does"))
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        report(Finding(UNREADABLE, path, "", f"it cannot be read as UTF-8 text: {error}"))
        return []
    good = []
    for line, row in rows:
        entry = Entry(path, line, dict(zip(ACTION_COLUMNS, row, strict=False)), report)
        if len(row) == len(ACTION_COLUMNS):
            good.append(entry)
        else:
            entry.complain(MALFORMED, f"{len(row)} values for {len(ACTION_COLUMNS)} columns")
    return good


def read_supercategories(content: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Category -> its supercategory; where the file gives none, that of `find_supercategory`."""
    listed = content.get("categories")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    given = {str(entry.get("name")): entry.get("supercategory") for entry in entries}
    return {
        name: group if isinstance(group := given.get(name), str) and group else find_supercategory(name)
        for name in names
    }


def is_id(value: object) -> bool:
    """Whether a value can be an entry's ``id``."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def _is_clean(text: str) -> bool:
    """Without control characters, and without halves of characters, which no file can hold."""
    return all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in text)
