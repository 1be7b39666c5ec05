"""Which format a file or folder of labels is in, where that is certain."""

from __future__ import annotations

import json
import re
from pathlib import Path

from wildact.datasets.formats.camtrap_dp.package import DESCRIPTOR
from wildact.datasets.formats.mot.sequence import TRUTH
from wildact.datasets.formats.xml_stream import iterate_xml
from wildact.datasets.native.raw import ACTIONS, ANNOTATIONS
from wildact.errors import WildactError

_HEAD_BYTES = 1 << 22
"""Larger JSON files are not parsed just to be recognised."""

_MOTS_ROW = re.compile(r"\d+ \d+ \d+ \d+ \d+ \S+")


def guess_format(path: Path) -> str | None:
    """The name of a format; None where it could be several, or none that is known."""
    try:
        if path.is_dir():
            return _guess_folder(path)
        if path.suffix.lower() == ".xml":
            return "cvat" if next(iterate_xml(path)).tag == "annotations" else None
        if path.name.lower().endswith((".boris", ".boris.gz")):
            return "boris"
        if path.name == DESCRIPTOR:
            return "camtrap-dp"
        if path.suffix.lower() == ".json" and path.stat().st_size <= _HEAD_BYTES:
            return _guess_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError, StopIteration, WildactError):
        return None  # whoever reads it will say what is wrong
    return None


def guess_target(path: Path) -> str | None:
    """The name of the format that a target's name stands for; None where it could be several."""
    return {".xml": "cvat", ".boris": "boris"}.get(path.suffix.lower())


def _guess_folder(path: Path) -> str | None:
    if (path / ANNOTATIONS).is_file() and (path / ACTIONS).is_file():
        return "native"
    if (path / DESCRIPTOR).is_file():
        return "camtrap-dp"
    truths = [path / TRUTH, *path.glob(f"*/{TRUTH.as_posix()}")]
    for truth in truths:
        if truth.is_file():
            with truth.open(encoding="utf-8") as file:
                line = next((line.strip() for line in file if line.strip()), "")
            if line:
                return "mots" if _MOTS_ROW.fullmatch(line) else "mot" if "," in line else None
    first = next(path.rglob("*.xml"), None)
    return None if first is None else guess_format(first)


def _guess_json(content: object) -> str | None:
    if isinstance(content, list):
        tasks = all(isinstance(task, dict) and "data" in task for task in content)
        return "label-studio" if content and tasks else None
    if isinstance(content, dict) and {"info", "images", "detection_categories"} <= set(content):
        return "megadetector"
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        return None
    if "videos" in content:
        if "images" in content:
            return "coco-vid"
        lists = all(isinstance(one, dict) and "segmentations" in one for one in content["annotations"])
        return "youtube-vis" if lists else None
    return "coco" if "images" in content and "categories" in content else None
