"""What labels do not tell of their videos (rate, size, length, light), from the user or from the videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.checks import check_unique, check_video
from wildact.datasets.words import plural
from wildact.decode import VideoReader, classify_light, probe_video
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.types import Image, Light, VideoInfo


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the facts come from that labels lack.

    Attributes:
        fps: of all videos whose labels do not tell it.
        size: width and height in pixels, the same.
        videos: a folder that holds the videos, in which each is found by its name.
    """

    fps: Fraction | None = None
    size: tuple[int, int] | None = None
    videos: Path | None = None

    def find_size(self, where: str, name: str) -> tuple[int, int]:
        """Width and height of a video.

        Raises:
            DatasetError: if nobody knows them.
        """
        if self.size is not None:
            return self.size
        if self.videos is not None:
            info = probe_video(find_video(self.videos, name))
            return info.width, info.height
        raise DatasetError(
            f"{where}: the frame size of '{name}' is not told; give it (--size), or the videos (--videos)."
        )


def complete(dataset: Dataset, facts: Facts) -> tuple[Dataset, list[str]]:
    """Fill in what the labels do not tell, and check the labels against it.

    With a folder of videos, each video is decoded once; the data set's root becomes that folder. Without,
    a length that nobody tells is taken to be that of the labels.

    Returns:
        The data set, and notes on what was assumed.

    Raises:
        DatasetError: if a video is not found, or its labels do not fit it.
        VideoError: if a video cannot be decoded.
    """
    if facts.videos is not None:
        videos = [_complete_from_file(video, dataset.root, facts, facts.videos) for video in dataset.videos]
        check_unique(str(facts.videos), "the video", (str(video.info.path) for video in videos))
        return replace(dataset, root=facts.videos, videos=_sorted(videos)), []
    videos = [_complete(video, facts) for video in dataset.videos]
    guessed = sum(a.info.frames != b.info.frames for a, b in zip(videos, dataset.videos, strict=True))
    number = plural(guessed, "video")
    notes = [f"the length of {number} is taken to end with the last label"] if guessed else []
    return replace(dataset, videos=_sorted(videos)), notes


def _sorted(videos: Sequence[LabelledVideo]) -> tuple[LabelledVideo, ...]:
    return tuple(sorted(videos, key=lambda video: str(video.info.path)))


def _complete(video: LabelledVideo, facts: Facts) -> LabelledVideo:
    info = video.info
    fps = info.fps or facts.fps or Fraction(0)
    width, height = (info.width, info.height) if info.width else facts.size or (0, 0)
    frames = info.frames
    if frames is None and video.tracks:
        ends = [int(track.frames[-1]) + 1 for track in video.tracks]
        frames = max(ends + [label.end_frame for label in video.actions])
    return _checked(replace(video, info=_info(info.path, width, height, fps, frames)))


def _complete_from_file(video: LabelledVideo, root: Path, facts: Facts, folder: Path) -> LabelledVideo:
    path = find_video(folder, video.info.path.relative_to(root).as_posix())
    measured, light = _measure(path)
    size, told = (measured.width, measured.height), (video.info.width, video.info.height)
    if told not in ((0, 0), size):
        raise DatasetError(
            f"{path} has {size[0]} x {size[1]} pixels, its labels are of {told[0]} x {told[1]}."
        )
    fps = video.info.fps or facts.fps or measured.fps
    info = _info(path, *size, fps, measured.frames)
    return _checked(replace(video, info=info, light=video.light or light))


def _info(path: Path, width: int, height: int, fps: Fraction, frames: int | None) -> VideoInfo:
    duration = frames / fps if frames is not None and fps else None
    return VideoInfo(path, width, height, fps, frames, duration, codec="unknown")


def _checked(video: LabelledVideo) -> LabelledVideo:
    return check_video(f"labels of {video.info.path}", video)


@lru_cache(maxsize=8)
def _list_files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def find_video(folder: Path, name: str) -> Path:
    """A video in a folder: at the path ``name``, or the only one with its file name, or with its stem.

    Raises:
        DatasetError: if there is none, or more than one.
    """
    if (folder / name).is_file():
        return folder / name
    files, wanted = _list_files(folder), Path(name)
    found = [path for path in files if path.name == wanted.name]
    found = found or [path for path in files if path.stem in (wanted.name, wanted.stem)]
    if len(found) != 1:
        number = "no video" if not found else f"{len(found)} files"
        raise DatasetError(f"{folder} holds {number} of the name '{name}'; put it there once.")
    return found[0]


@lru_cache(maxsize=1024)
def _measure(path: Path) -> tuple[VideoInfo, Light]:
    """Decode a video: what it really holds, and by which light it was taken."""
    images: list[Image] = []
    with VideoReader(path) as reader:
        for frame in reader.frames(lambda index, _: index & (index - 1) == 0):  # 0, 1, 2, 4, 8, ...
            images.append(frame.image)  # noqa: PERF401  # clearer than a comprehension of this length
        info = reader.measured()
    if not images:
        raise DatasetError(f"{path}: no frame of it can be decoded.")
    return info, classify_light(images)


def read_rate(where: str, value: float | str | None) -> Fraction:
    """A frame rate out of a file, as `parse_rate` reads it; 0 where none is told.

    Raises:
        DatasetError: if it is no positive number.
    """
    try:
        return Fraction(0) if value is None else parse_rate(value)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error


def parse_rate(value: float | str) -> Fraction:
    """A frame rate from a file: ``"30000/1001"``, ``"25"``, 25, or 29.97002997002997, which is 30000/1001.

    Raises:
        ValueError: if it is no positive number.
    """
    try:
        if "e" in str(value).lower():  # the fraction of 1e999999999 would fill the memory
            raise ValueError
        rate = Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no frame rate") from error
    near = rate.limit_denominator(1001)
    if isinstance(value, float) and float(near) == value:
        rate = near
    if not 0 < rate < 10**6:
        raise ValueError(f"{value!r} is no frame rate")
    return rate
