"""MegaDetector's batch results, format 1.6: every detection on every frame the detector looked at.

Species go into ``classifications``. The format has no place for masks, for which detections are one animal,
and for what it does; boxes between detections were not detected, and are left out.

Reference: https://lila.science/megadetector-output-format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from wildact.atomic import replacing
from wildact.boxes import box_area, clip_boxes
from wildact.errors import OutputError
from wildact.export.recording import Recording
from wildact.export.taxa import TAXA
from wildact.types import Track, VideoResult

FORMAT_VERSION: Final = "1.6"
CATEGORIES: Final = {"1": "animal", "2": "person", "3": "vehicle"}
_CATEGORY_OF_KIND: Final = {"animal": "1", "human": "2", "vehicle": "3"}


def save_megadetector(path: Path, recordings: Iterable[Recording], *, completed: str = "") -> None:
    """Write a MegaDetector JSON file.

    Args:
        path: of the file.
        recordings: one is held at a time.
        completed: when the detector was done; may be empty.

    Raises:
        OutputError: if the file cannot be written, or the size of a video's frames is unknown.
    """
    species: dict[str, str] = {}
    info: dict[str, Any] = {"format_version": FORMAT_VERSION}
    if completed:
        info["detection_completion_time"] = completed
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"images":[')
        for k, recording in enumerate(recordings):
            if detector := recording.result.models.get("detector"):
                info["detector"] = str(detector.get("file") or detector.get("name") or "wildact")
            entry = _entry(recording, species)
            file.write(f"{',' if k else ''}\n{json.dumps(entry, ensure_ascii=False, allow_nan=False)}")
        rest = {
            "info": info,
            "detection_categories": CATEGORIES,
            "classification_categories": {number: label for label, number in species.items()},
        }
        file.write(f"],\n{json.dumps(rest, ensure_ascii=False)[1:]}\n")


def _entry(recording: Recording, species: dict[str, str]) -> dict[str, Any]:
    """The video's entry; labels that are new get the next number in ``species``."""
    result = recording.result
    if result.info.width <= 0 and result.tracks:
        raise OutputError(f"the size of the frames of {recording.name} is unknown; MegaDetector needs it.")
    detections = [entry for track in result.tracks for entry in _detections(result, track, species)]
    detections.sort(key=lambda entry: (entry["frame_number"], -entry["conf"]))
    if result.info.fps > 0:
        facts = {"frame_rate": float(result.info.fps), "frames_processed": result.detected.tolist()}
        return {"file": recording.name, **facts, "detections": detections}
    for entry in detections:  # a picture
        del entry["frame_number"]
    return {"file": recording.name, "detections": detections}


def _detections(result: VideoResult, track: Track, species: dict[str, str]) -> list[dict[str, Any]]:
    width, height = result.info.width, result.info.height
    boxes = clip_boxes(track.boxes, width, height)
    shown = track.observed & (box_area(boxes) > 0)
    corners = boxes[shown].astype(np.float64)  # single precision would not come back
    sizes = np.array([width, height, width, height])
    relative = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1) / sizes
    common: dict[str, Any] = {"category": _category(track.label)}
    if track.label not in CATEGORIES.values() or track.label_score != 1:
        number = species.setdefault(track.label, str(len(species) + 1))
        common["classifications"] = [[number, float(np.nan_to_num(track.label_score))]]
    columns = (track.frames[shown].tolist(), track.scores[shown].tolist(), relative.tolist())
    return [
        common | {"frame_number": frame, "conf": score, "bbox": box}
        for frame, score, box in zip(*columns, strict=True)
    ]


def _category(label: str) -> str:
    taxon = TAXA.get(label.casefold())
    return _CATEGORY_OF_KIND[taxon.kind] if taxon else "1"
