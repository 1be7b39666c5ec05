"""From what was read of a file to a data set whose labels fit their videos and each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.checks import check_unique, check_video
from wildact.datasets.words import Thing, list_things
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import Light, Track, VideoInfo


def build_video(
    where: str,
    path: Path,
    *,
    size: tuple[int, int] = (0, 0),
    fps: Fraction = Fraction(0),
    frames: int | None = None,
    tracks: Iterable[Track] = (),
    actions: Iterable[ActionLabel] = (),
    site: str = "",
    camera: str = "",
    light: Light | None = None,
    recorded: str | None = None,
) -> LabelledVideo:
    """A video with its labels, tracks by number and actions by track and time.

    What the file does not tell is left out, and is then unknown.

    Args:
        where: for messages: file and entry.
        path: of the video.
        size: width and height of its frames, pixels.
        fps: frames per second, exact.
        frames: how many it has.
        tracks: of the animals.
        actions: what they do.
        site: where the camera stood.
        camera: which camera.
        light: day, dusk or ir.
        recorded: ISO 8601 local time of the first frame.

    Raises:
        DatasetError: if labels do not fit the video; see `check_video`.
    """
    duration = frames / fps if frames is not None and fps else None
    video = LabelledVideo(
        info=VideoInfo(path, *size, fps, frames, duration, "unknown"),
        site=site,
        camera=camera,
        light=light,
        tracks=tuple(sorted(tracks, key=lambda track: track.track_id)),
        actions=tuple(sorted(actions, key=lambda a: (a.track_id, a.start_frame, a.end_frame, a.action))),
        recorded=recorded,
    )
    return check_video(where, video)


def build_dataset(
    where: str,
    root: Path,
    videos: Iterable[LabelledVideo],
    *,
    species: Iterable[str] = (),
    actions: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
    dropped: Mapping[Thing, int],
) -> Dataset:
    """A data set, its videos by path.

    Args:
        where: for messages: the file.
        root: folder below which the videos lie.
        videos: in any order.
        species: names, in order; one that comes again counts once.
        actions: the same.
        facts: of the data set as a whole.
        dropped: what of the file has no place in a data set -> how often it occurs.

    Raises:
        DatasetError: if two entries are of the same video.
    """
    ordered = sorted(videos, key=lambda video: str(video.info.path))
    check_unique(where, "the video", (str(video.info.path) for video in ordered))
    return Dataset(
        root=root,
        species=tuple(dict.fromkeys(species)),
        actions=tuple(dict.fromkeys(actions)),
        videos=tuple(ordered),
        facts=facts or {},
        dropped=list_things(dropped),
    )
