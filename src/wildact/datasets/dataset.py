"""A labelled data set: its videos with their truth, and the names by which they lie in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, get_args

from wildact.errors import OutputError
from wildact.labels import LabelledVideo
from wildact.types import Light

LIGHTS: tuple[Light, ...] = get_args(Light)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled data set.

    Attributes:
        root: its folder.
        species: names of the animals' classes, in the order of their ids.
        actions: names of the actions, in the order of their ids.
        videos: the labelled videos, by file name.
        facts: the ``info`` entry: description, generator, seed.
        dropped: what the file it was read from holds and wildact has no place for, each with its count.
        supercategories: species -> its group, such as ``animal`` or ``vehicle``, where known.
    """

    root: Path
    species: tuple[str, ...]
    actions: tuple[str, ...]
    videos: tuple[LabelledVideo, ...]
    facts: Mapping[str, Any]
    dropped: tuple[str, ...] = ()
    supercategories: Mapping[str, str] = field(default_factory=dict)


def relative_name(dataset: Dataset, video: LabelledVideo) -> str:
    """A video's path below the data set's folder, with ``/`` between parts, for a writer.

    Raises:
        OutputError: if it lies elsewhere.
    """
    try:
        name = video.info.path.relative_to(dataset.root)
    except ValueError as error:
        raise OutputError(
            f"{video.info.path} does not lie in {dataset.root}; put the videos there."
        ) from error
    if ".." in name.parts:
        raise OutputError(f"{video.info.path} leads out of {dataset.root}; put the videos there.")
    return name.as_posix()


def known_length(video: LabelledVideo) -> int:
    """The number of frames, for a writer that needs it.

    Raises:
        OutputError: if it is unknown.
    """
    if video.info.frames is None:
        raise OutputError(f"the number of frames of {video.info.path} is unknown; count them in the video.")
    return video.info.frames


def leads_out(name: str) -> bool:
    """Whether a path out of a file would lead out of the folder below which it is meant, on any system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts)


def parse_light(text: str | None) -> Light | None:
    """The light that a text out of a file names; None where it names none."""
    return next((light for light in LIGHTS if light == text), None)


def check_facts(facts: Mapping[str, Any]) -> None:
    """Raise ValueError where JSON in UTF-8 cannot hold what a data set says of itself."""
    json.dumps(facts, ensure_ascii=False, allow_nan=False).encode()
