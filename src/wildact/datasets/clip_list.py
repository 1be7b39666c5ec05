"""Read a clip list: ``clips.csv``, one action per short video, as action data sets often come.

Columns: ``video`` (path below the folder) and ``action``; optional are ``recording`` (clips cut from one
recording stay together in splits) and ``split`` (``train``, ``val``, ...). A clip becomes a video with one
track, whose box is the whole frame, and one action over all its frames.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wildact.datasets.csv_table import Table, read_table
from wildact.datasets.dataset import Dataset, leads_out
from wildact.datasets.limits import MAX_FRAMES
from wildact.datasets.words import quote
from wildact.decode import VideoReader, probe_video
from wildact.errors import DatasetError, VideoError
from wildact.labels import ActionLabel, LabelledVideo, cover_frame
from wildact.types import VideoInfo

CLIPS = "clips.csv"
"""Name of the file in the data set's folder."""

REQUIRED, OPTIONAL = ("video", "action"), ("recording", "split")

SPECIES = "animal"
"""Clip lists do not name the species."""


def is_clip_list(root: Path) -> bool:
    """Whether a folder holds a clip list, and no ``annotations.json``."""
    return (Path(root) / CLIPS).is_file() and not (Path(root) / "annotations.json").exists()


def load_clip_list(root: Path, on_error: Callable[[DatasetError], None] | None = None) -> Dataset:
    """Read a folder with ``clips.csv`` as a labelled data set.

    Args:
        root: the folder; the paths in the file are relative to it.
        on_error: called with the error of each row that cannot be used, which is then left out; None: the
            first of them is raised.

    Returns:
        Videos and actions sorted by name; the header of each video was read.

    Raises:
        DatasetError: if the file is missing, has unknown columns or no clips, or if a row names a video that
            is missing, unreadable, listed twice, or outside of the folder, or has no action.
    """
    table = read_table(root / CLIPS, REQUIRED)
    _check_columns(table)
    seen: set[Path] = set()
    videos = []
    for where, row in table.rows:
        try:
            videos.append(_read_row(where, row, root, seen))
        except DatasetError as error:
            if on_error is None:
                raise
            on_error(error)
    if not table.rows:
        raise DatasetError(f"{table.path} lists no clip; add one row for each video.")
    videos.sort(key=lambda video: str(video.info.path))
    actions = tuple(sorted({video.actions[0].action for video in videos}))
    return Dataset(root, (SPECIES,), actions, tuple(videos), facts={}, supercategories={SPECIES: SPECIES})


def _read_row(where: str, row: dict[str, str], root: Path, seen: set[Path]) -> LabelledVideo:
    path = _find_video(where, root, row["video"])
    if path in seen:
        raise DatasetError(f"{where}: the video {quote(row['video'])} is listed twice; keep one row.")
    seen.add(path)
    if not row["action"]:
        raise DatasetError(f"{where}: the action of {quote(row['video'])} is empty; name it.")
    return _label_clip(_read_info(where, path), row)


def _check_columns(table: Table) -> None:
    known = (*REQUIRED, *OPTIONAL)
    if unknown := [name for name in table.columns if name not in known]:
        raise DatasetError(
            f"{table.path}: unknown column {quote(unknown[0])}; a clip list has the columns "
            f"{', '.join(known)}."
        )


def _find_video(where: str, root: Path, name: str) -> Path:
    if not name:
        raise DatasetError(f"{where}: the video is empty; write its path below {root}.")
    if leads_out(name):
        raise DatasetError(
            f"{where}: the video {quote(name)} is outside of {root}; move it there and write its path below."
        )
    return root / name


def _read_info(where: str, path: Path) -> VideoInfo:
    """Return what the header states; frames are counted by decoding where it states none."""
    try:
        info = probe_video(path)
        if info.frames is None or info.frames > MAX_FRAMES:
            with VideoReader(path) as reader:
                for _ in reader.frames(keep=lambda _index, _time: False):
                    pass
                info = reader.measured()
    except VideoError as error:
        raise DatasetError(f"{where}: {error}") from error
    if not info.frames or info.frames > MAX_FRAMES:
        raise DatasetError(f"{where}: {path} has {info.frames or 0} frames; a clip has 1 to {MAX_FRAMES}.")
    return info


def _label_clip(info: VideoInfo, row: dict[str, str]) -> LabelledVideo:
    count = info.frames or 1  # `_read_info` has counted them
    return LabelledVideo(
        info=info,
        site="",
        camera="",
        light=None,
        tracks=(cover_frame(info, count, SPECIES),),
        actions=(ActionLabel(1, row["action"], 0, count),),
        split=row.get("split") or None,
        recording=row.get("recording", ""),
    )
