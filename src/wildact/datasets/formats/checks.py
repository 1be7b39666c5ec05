"""What must hold of labels read from any format, and of the names in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from wildact.datasets.dataset import leads_out
from wildact.datasets.limits import EDGE_PX, MAX_FRAMES, MAX_PIXELS
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.types import Track, VideoInfo


def video_path(where: str, root: Path, name: str) -> Path:
    """The place of a video that a file of labels names, below the folder ``root``.

    Raises:
        DatasetError: if the name is empty, holds control characters, or leads out of the folder.
    """
    posix = PurePosixPath(name)
    if not posix.parts or not name.isprintable():
        raise DatasetError(f"{where}: {name!r} cannot be the name of a video.")
    if leads_out(name):
        raise DatasetError(
            f"{where}: the video {name!r} would lie outside the folder; name it relative to it."
        )
    return root / posix


def check_name(where: str, what: str, name: str) -> str:
    """Pass a species' or action's name on.

    Raises:
        DatasetError: if it is blank or holds control characters, which tables and XML cannot keep.
    """
    if not name.strip() or not name.isprintable():
        raise DatasetError(f"{where}: {name!r} cannot be the name of {what}; use printable characters.")
    return name


def check_unique(where: str, what: str, values: Iterable[object]) -> None:
    """Raise `DatasetError` where a value comes twice."""
    seen = set()
    for value in values:
        if value in seen:
            raise DatasetError(f"{where}: {what} {value!r} is there twice; give each its own.")
        seen.add(value)


def check_video(where: str, video: LabelledVideo) -> LabelledVideo:
    """Pass a video on whose labels fit it and each other; unknown facts are not checked.

    Raises:
        DatasetError: naming the track, and the frame where there is one.
    """
    if video.info.frames is not None and not 0 < video.info.frames <= MAX_FRAMES:
        raise DatasetError(f"{where}: a video cannot have {video.info.frames} frames.")
    if video.info.width * video.info.height > MAX_PIXELS:
        raise DatasetError(f"{where}: no video has {video.info.width} x {video.info.height} pixels.")
    check_unique(where, "track", (track.track_id for track in video.tracks))
    for track in video.tracks:
        _check_track(f"{where}: track {track.track_id}", track, video.info)
    ids = {track.track_id for track in video.tracks}
    for label in video.actions:
        what = f"{where}: '{label.action}' of track {label.track_id}"
        if ids and label.track_id not in ids:  # where nobody drew boxes, actions may be told all the same
            raise DatasetError(f"{what}: there is no such track.")
        if not 0 <= label.start_frame < label.end_frame:
            raise DatasetError(f"{what}: {label.start_frame} to {label.end_frame} is no range of frames.")
        if video.info.frames is not None and label.end_frame > video.info.frames:
            raise DatasetError(f"{what} ends at frame {label.end_frame}, after the video's end.")
    return video


def _check_track(where: str, track: Track, info: VideoInfo) -> None:
    last = int(track.frames[-1])
    if track.frames[0] < 0 or last >= min(MAX_FRAMES, info.frames or MAX_FRAMES):
        raise DatasetError(f"{where}: frames {track.frames[0]} to {last} are not all within the video.")
    empty = ~(track.boxes[:, 2:] > track.boxes[:, :2]).all(axis=1)
    if empty.any():
        raise DatasetError(f"{where}: the box of frame {track.frames[empty][0]} is empty.")
    if info.width > 0:
        size = np.array([info.width, info.height], np.float32)
        outside = ((track.boxes[:, :2] < -EDGE_PX) | (track.boxes[:, 2:] > size + EDGE_PX)).any(axis=1)
        if outside.any():
            raise DatasetError(
                f"{where}: the box of frame {track.frames[outside][0]} lies outside the frame of "
                f"{info.width} x {info.height} pixels."
            )
        for frame, mask in zip(track.frames, track.masks, strict=True):
            if mask is not None and (mask.width, mask.height) != (info.width, info.height):
                raise DatasetError(
                    f"{where}: the mask of frame {frame} is of {mask.width} x {mask.height} pixels, "
                    f"the video of {info.width} x {info.height}."
                )
