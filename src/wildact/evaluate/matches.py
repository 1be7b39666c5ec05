"""What became of a detector's detections in each video, kept so that two evaluations can be compared.

A file of arrays (``.npz``): which videos and species, and for boxes and masks the `Matches` of all videos one
after the other. It holds names and numbers only, and is read as such.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from wildact.atomic import replacing
from wildact.errors import DatasetError
from wildact.evaluate.figures import VideoCounts
from wildact.metrics import IOU_THRESHOLDS, SIZES, SPEEDS, Matches

MATCHES = "matches.npz"
LEVELS = tuple(f"{subset} {iou:.2f}" for subset in (*SIZES, *SPEEDS) for iou in IOU_THRESHOLDS)
"""What the rows of the matches mean; a file with others is of another version. The first medium is a size."""


@dataclass(frozen=True, slots=True)
class DatasetMatches:
    """The detections of V videos, compared with their truth.

    Attributes:
        species: of the data set.
        videos: V paths within the data set.
        lights: V lights; None where nobody said.
        recordings: V names; videos of one recording are drawn together for intervals. Empty: by itself.
        boxes: V matches by overlap of boxes.
        masks: V matches by overlap of masks; None where labels or detector have none.
        min_height_px: animals whose visible box is lower, and detections as low, do not count.
    """

    species: tuple[str, ...]
    videos: tuple[str, ...]
    lights: tuple[str | None, ...]
    recordings: tuple[str, ...]
    boxes: tuple[Matches, ...]
    masks: tuple[Matches, ...] | None
    min_height_px: float


def collect_matches(
    videos: Mapping[str, VideoCounts], species: Sequence[str], min_height_px: float
) -> DatasetMatches | None:
    """Of all videos of an evaluation; None where no detector was scored."""
    chains = [one.chain for one in videos.values() if one.chain is not None]
    masks = tuple(one.masks for one in chains if one.masks is not None)
    if len(chains) < len(videos):
        return None
    return DatasetMatches(
        species=tuple(species),
        videos=tuple(videos),
        lights=tuple(one.light for one in videos.values()),
        recordings=tuple(one.recording for one in videos.values()),
        boxes=tuple(one.boxes for one in chains),
        masks=masks if len(masks) == len(chains) else None,
        min_height_px=min_height_px,
    )


def save_matches(path: Path, matches: DatasetMatches) -> None:
    """Write the matches.

    Raises:
        OutputError: if the file cannot be written.
    """
    arrays: dict[str, Any] = {
        "levels": np.array(LEVELS),
        "species": np.array(matches.species, np.str_),
        "videos": np.array(matches.videos, np.str_),
        "min_height_px": np.array(matches.min_height_px),
        "recordings": np.array(matches.recordings, np.str_),
        "lights": np.array([light or "" for light in matches.lights], np.str_),
        **_pack("box", matches.boxes),
        **(_pack("mask", matches.masks) if matches.masks is not None else {}),
    }
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_matches(path: Path) -> DatasetMatches:
    """Read what `save_matches` wrote.

    Args:
        path: the file, or the folder of an evaluation.

    Raises:
        DatasetError: if there is none, it is broken, or another version of wildact wrote it.
    """
    path = path / MATCHES if path.is_dir() else path
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} does not exist; name a folder that 'wildact evaluate --out FOLDER' wrote."
        ) from error
    except (OSError, ValueError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read as the matches of an evaluation ({error}).") from error
    if tuple(arrays.get("levels", np.zeros(0)).tolist()) != LEVELS:
        raise DatasetError(f"{path} was not written by this version of wildact; evaluate anew.")
    try:
        videos = tuple(map(str, arrays["videos"]))
        return DatasetMatches(
            species=tuple(map(str, arrays["species"])),
            videos=videos,
            lights=tuple(str(light) or None for light in arrays["lights"]),
            recordings=tuple(map(str, arrays["recordings"])),
            boxes=_unpack("box", arrays),
            masks=_unpack("mask", arrays) if "mask_counts" in arrays else None,
            min_height_px=float(arrays["min_height_px"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{path} is damaged ({error}); evaluate anew.") from error


def _pack(kind: str, videos: Sequence[Matches]) -> dict[str, Any]:
    return {
        f"{kind}_counts": np.array([len(one.scores) for one in videos]),
        f"{kind}_scores": np.concatenate([one.scores for one in videos]),
        f"{kind}_labels": np.concatenate([one.labels for one in videos]),
        f"{kind}_hits": np.packbits(np.concatenate([one.hits for one in videos], axis=1), axis=0),
        f"{kind}_alarms": np.packbits(np.concatenate([one.alarms for one in videos], axis=1), axis=0),
        f"{kind}_wanted": np.array([one.wanted for one in videos]),
    }


def _unpack(kind: str, arrays: Mapping[str, Any]) -> tuple[Matches, ...]:
    counts, scores, labels, hits, alarms, wanted = (
        arrays[f"{kind}_{name}"] for name in ("counts", "scores", "labels", "hits", "alarms", "wanted")
    )
    found, rows = int(counts.sum()), -(-len(LEVELS) // 8)
    expected = {
        "counts": (len(arrays["videos"]),),
        "scores": (found,),
        "labels": (found,),
        "hits": (rows, found),
        "alarms": (rows, found),
        "wanted": (len(arrays["videos"]), len(LEVELS), len(arrays["species"])),
    }
    for name, shape in expected.items():
        if arrays[f"{kind}_{name}"].shape != shape:
            raise ValueError(f"{kind}_{name} is not of the shape {shape}")
    ends = np.cumsum(counts)[:-1]
    bits = (np.unpackbits(packed, axis=0, count=len(LEVELS)).astype(bool) for packed in (hits, alarms))
    split_bits = (np.split(of_all, ends, axis=1) for of_all in bits)
    return tuple(
        Matches(*of_video)
        for of_video in zip(np.split(scores, ends), np.split(labels, ends), *split_bits, wanted, strict=True)
    )
