"""Hold the entry of a video against the file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from wildact.datasets.dataset import Dataset
from wildact.datasets.findings import (
    BROKEN_VIDEO,
    DAMAGED_VIDEO,
    FEWER_FRAMES,
    MORE_FRAMES,
    NO_FILE,
    OTHER_FPS,
    OTHER_LENGTH,
    OTHER_SIZE,
    Finding,
    Kind,
    Report,
)
from wildact.datasets.native.raw import ANNOTATIONS
from wildact.decode import VideoReader, probe_video
from wildact.errors import DatasetError, VideoError
from wildact.labels import LabelledVideo
from wildact.types import VideoInfo

_FPS_TOLERANCE = 0.01  # relative: containers round
_SHOWN = 5  # of the videos that cannot be used


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a file says of itself; ``counted``: its frames were decoded, not only stated by its header."""

    info: VideoInfo
    counted: bool
    warnings: tuple[str, ...] = ()


def check_video(dataset: Dataset, video: LabelledVideo, report: Report, *, decode: bool = False) -> None:
    """Report where a video's file is missing or broken, or is not what its entry says.

    Args:
        dataset: that the video is of.
        video: as labelled.
        report: takes the findings.
        decode: decode the file to its end, instead of believing its header.
    """
    path = video.info.path  # of several joined data sets, it need not lie below the root
    name = path.relative_to(dataset.root).as_posix() if path.is_relative_to(dataset.root) else str(path)
    if not path.exists():
        report(Finding(NO_FILE, dataset.root / ANNOTATIONS, f"video {name}", "there is no such file"))
        return
    try:
        facts = _decode(video) if decode else _Facts(probe_video(path), counted=False)
    except VideoError as error:
        reason = str(error).removeprefix(f"{path}: ").removesuffix(".")
        report(Finding(BROKEN_VIDEO, path, "", reason))
        return
    for warning in facts.warnings:
        report(Finding(DAMAGED_VIDEO, path, "", warning))
    for kind, what in (*_compare_size(video.info, facts), *_compare_length(video.info, facts)):
        report(Finding(kind, dataset.root / ANNOTATIONS, f"video {name}", what))


def require_videos(dataset: Dataset) -> None:
    """See that all videos are there and are those of their labels, before hours are spent on the first.

    Raises:
        DatasetError: names the first videos of which `check_video` reports an error.
    """
    found: list[Finding] = []
    for video in dataset.videos:
        check_video(dataset, video, found.append)
    errors = [finding for finding in found if finding.kind.severity == "error"]
    if errors:
        shown = "; ".join(f"{finding.entry or finding.file}: {finding.what}" for finding in errors[:_SHOWN])
        more = "; ..." if len(errors) > _SHOWN else ""
        raise DatasetError(
            f"{dataset.root}: {len(errors)} of {len(dataset.videos)} videos cannot be used: {shown}{more}."
        )


def _decode(video: LabelledVideo) -> _Facts:
    with VideoReader(video.info.path) as reader:
        for _ in reader.frames(keep=lambda _index, _time: False):
            pass
        return _Facts(reader.measured(), counted=True, warnings=reader.warnings)


def _compare_size(labelled: VideoInfo, facts: _Facts) -> list[tuple[Kind, str]]:
    found, differences = facts.info, []
    told = labelled.width > 0
    if told and (labelled.width, labelled.height) != (found.width, found.height):
        sizes = (
            f"{labelled.width}x{labelled.height} pixels labelled, {found.width}x{found.height} in the file"
        )
        differences.append((OTHER_SIZE, sizes))
    if abs(found.fps / labelled.fps - 1) > _FPS_TOLERANCE:
        rates = f"{_say(labelled.fps)} frames per second labelled, {_say(found.fps)} in the file"
        differences.append((OTHER_FPS, rates))
    return differences


def _compare_length(labelled: VideoInfo, facts: _Facts) -> list[tuple[Kind, str]]:
    assert labelled.frames is not None  # the reader has seen to it
    found = facts.info.frames
    if found is None or found == labelled.frames:
        return []
    if not facts.counted:
        return [(OTHER_LENGTH, f"{labelled.frames} frames labelled, the file's header states {found}")]
    kind = FEWER_FRAMES if found < labelled.frames else MORE_FRAMES
    return [(kind, f"{labelled.frames} frames labelled, {found} could be decoded")]


def _say(fps: Fraction) -> str:
    return f"{float(fps):.5g}"
