"""Split a data set by site, camera, recording or video: what belongs together stays together.

Neighbouring frames, and videos of one camera, are so alike that a random split of them measures memory, not
knowledge of animals (Beery et al. 2018, "Recognition in Terra Incognita", ECCV).
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wildact.atomic import replacing_folder
from wildact.datasets.clip_list import CLIPS, is_clip_list
from wildact.datasets.dataset import Dataset, relative_name
from wildact.datasets.native.raw import ACTIONS, ANNOTATIONS, read_content, read_rows
from wildact.datasets.native.read import raise_error
from wildact.datasets.partition import assign_groups
from wildact.datasets.place import place_video
from wildact.datasets.stats import count_seconds, count_tracks
from wildact.decode import is_still
from wildact.errors import DatasetError, OutputError, UsageError
from wildact.export.youtube_vis import ACTION_COLUMNS
from wildact.labels import LabelledVideo
from wildact.types import Float64

UNITS = ("site", "camera", "recording", "video")
"""A video that names no recording is one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split.

    Attributes:
        name: of its folder.
        share: of the whole that it was meant to get, in (0, 1].
        groups: the sites, cameras (``SITE/CAMERA``), recordings or videos that it got.
        videos: the videos of these.
    """

    name: str
    share: float
    groups: tuple[str, ...]
    videos: tuple[LabelledVideo, ...]


def split_dataset(
    dataset: Dataset, shares: Mapping[str, float], *, by: str = "site", seed: int = 0
) -> tuple[Part, ...]:
    """Say which groups go to which part; nothing is written.

    Videos, tracks of each species and seconds of each action are balanced as well as whole groups allow.

    Args:
        dataset: to be split.
        shares: name of each part -> its share, in any unit.
        by: what stays together: one of `UNITS`.
        seed: of the search; same seed, same parts.

    Raises:
        DatasetError: if videos do not say their site or camera, or there are fewer groups than parts.
        UsageError: if shares or ``by`` are impossible.
    """
    _check_shares(shares, by)
    groups = _group_videos(dataset, by)
    if len(groups) < len(shares):
        finer = {"site": "; split by camera", "camera": "; split by video"}.get(by, "")
        raise DatasetError(
            f"{dataset.root} holds {len(groups)} {by}s, too few for {len(shares)} parts{finer}."
        )
    total = sum(shares.values())
    fractions = [share / total for share in shares.values()]
    part_of = assign_groups(_amounts(dataset, list(groups.values())), fractions, seed)
    parts = []
    for number, (name, share) in enumerate(zip(shares, fractions, strict=True)):
        names = [group for group, part in zip(groups, part_of.tolist(), strict=True) if part == number]
        videos = [video for group in names for video in groups[group]]
        parts.append(Part(name, share, tuple(names), tuple(videos)))
    return tuple(parts)


def choose_unit(dataset: Dataset) -> str:
    """``recording`` for clip lists, and for still images that name no site; else ``site``."""
    images = all(is_still(video.info.path) and not video.site for video in dataset.videos)
    return "recording" if images or is_clip_list(dataset.root) else "site"


def _check_shares(shares: Mapping[str, float], by: str) -> None:
    if by not in UNITS:
        raise UsageError(f"a data set is split by {', '.join(UNITS)}, not by '{by}'.")
    if len(shares) < 2 or not all(0 < share < float("inf") for share in shares.values()):
        raise UsageError("a split needs at least two parts, each with a share above 0.")
    if bad := [name for name in shares if not name.replace("-", "").replace("_", "").isalnum()]:
        raise UsageError(f"a part is a folder; name it with letters and digits only, not '{bad[0]}'.")


def _group_videos(dataset: Dataset, by: str) -> dict[str, list[LabelledVideo]]:
    """Name of the group -> its videos, by name."""
    groups: defaultdict[str, list[LabelledVideo]] = defaultdict(list)
    for video in dataset.videos:
        name = relative_name(dataset, video)
        if (by == "site" and not video.site) or (by == "camera" and not video.camera):
            raise DatasetError(
                f"{dataset.root / ANNOTATIONS}: video {name} does not say its {by}; "
                "write it there, or split by video."
            )
        group = {
            "site": video.site,
            "camera": f"{video.site}/{video.camera}",
            "recording": video.recording or name,
            "video": name,
        }[by]
        groups[group].append(video)
    return dict(sorted(groups.items()))


def _amounts(dataset: Dataset, groups: Sequence[Sequence[LabelledVideo]]) -> Float64:
    """(G, F) videos, tracks of each species, seconds of each action; each of the three weighs the same."""
    blocks = (
        [[len(videos)] for videos in groups],
        [list(count_tracks(videos, dataset.species).values()) for videos in groups],
        [list(count_seconds(videos, dataset.actions).values()) for videos in groups],
    )
    columns = []
    for block in blocks:
        values = np.array(block, np.float64).reshape(len(groups), -1)
        values = values[:, values.sum(axis=0) > 0]
        columns.append(values / np.maximum(values.sum(axis=0), 1e-9) / max(1, values.shape[1]) ** 0.5)
    return np.concatenate(columns, axis=1)


def save_split(
    dataset: Dataset, parts: Sequence[Part], out: Path, *, copy: bool = False, facts: Mapping[str, Any]
) -> None:
    """Write each part as a data set of its own, ``out/NAME``; all of them, or nothing.

    Args:
        dataset: that was split; its files are read again, so that what wildact does not know is kept.
        parts: of it.
        out: a new or empty folder.
        copy: copy the videos; else they are hard links, which take no space, on the same disk only.
        facts: how it was split: put into the ``info`` of each part.

    Raises:
        DatasetError: if a video is missing.
        OutputError: if ``out`` is not empty or cannot be written to, or links cannot be made there.
    """
    save = _save_clips if is_clip_list(dataset.root) else _save_annotations
    _check_new(out)
    with replacing_folder(out) as folder:
        for part in parts:
            (folder / part.name).mkdir()
            save(dataset, part, folder / part.name, facts)
            for video in part.videos:
                target = folder / part.name / relative_name(dataset, video)
                place_video(video.info.path, target, link=not copy, copy=copy)


def _check_new(out: Path) -> None:
    try:
        new = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    except OSError as error:
        raise OutputError(f"{out} cannot be read ({error.strerror}); choose another folder.") from error
    if not new:
        raise OutputError(f"{out} is not empty; choose a new folder, nothing is overwritten.")


def _save_annotations(dataset: Dataset, part: Part, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the entries of the part's videos or images, and their actions."""
    content = read_content(dataset.root / ANNOTATIONS, raise_error)
    assert content is not None  # else it has raised
    info = content.get("info")
    info = {**(info if isinstance(info, dict) else {}), "split": _describe(part, facts)}
    key, reference = ("videos", "video_id") if "videos" in content else ("images", "image_id")
    names = _names(dataset, part)
    videos = [entry for entry in content[key] if PurePosixPath(str(entry["file_name"])) in names]
    ids = {str(entry["id"]) for entry in videos}  # of images, an id may be a number here and text there
    tracks = [entry for entry in content["annotations"] if str(entry[reference]) in ids]
    videos = [{name: value for name, value in entry.items() if name != "split"} for entry in videos]
    with (folder / ANNOTATIONS).open("w", encoding="utf-8", newline="\n") as file:
        json.dump({**content, "info": info, key: videos, "annotations": tracks}, file, separators=(",", ":"))
    if key == "images":
        return
    rows = read_rows(dataset.root / ACTIONS, raise_error)
    kept = [row.values for row in rows if PurePosixPath(row.values["video"]) in names]
    _save_rows(folder / ACTIONS, ACTION_COLUMNS, kept)


def _save_clips(dataset: Dataset, part: Part, folder: Path, _: Mapping[str, Any]) -> None:
    """Write the rows of the part's clips."""
    rows = [
        {"video": relative_name(dataset, clip), "action": clip.actions[0].action, "recording": clip.recording}
        for clip in part.videos
    ]
    _save_rows(folder / CLIPS, ("video", "action", "recording"), rows)


def _save_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _names(dataset: Dataset, part: Part) -> set[PurePosixPath]:
    return {PurePosixPath(relative_name(dataset, video)) for video in part.videos}


def _describe(part: Part, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {**facts, "part": part.name, "share": part.share}
