"""Find what is wrong with labelled data sets before a network is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from wildact.datasets.check_videos import check_video
from wildact.datasets.clip_list import CLIPS, is_clip_list
from wildact.datasets.dataset import Dataset, relative_name
from wildact.datasets.findings import (
    EMPTY_CLASS,
    IMBALANCE,
    NO_ACTION,
    NO_MASK,
    NO_PLACE,
    NO_VIDEOS,
    ODD_DATE,
    SHARED_RECORDING,
    SIMILAR_NAMES,
    STRAY_BOX,
    TINY_BOX,
    UNSEEN_ACTION,
    Finding,
    Kind,
    Report,
)
from wildact.datasets.leakage import compare_datasets, find_copies
from wildact.datasets.native.raw import ANNOTATIONS
from wildact.datasets.native.read import read_dataset
from wildact.datasets.stats import count_seconds, count_tracks
from wildact.datasets.words import list_frames, quote
from wildact.decode import is_still
from wildact.errors import UsageError
from wildact.labels import LabelledVideo
from wildact.masks import mask_to_box
from wildact.types import Track

MAX_RATIO = 20.0
"""The most frequent class may be so many times as frequent as the rarest."""

TINY_PX = 2
"""A box that is not at least this wide and high is a slip of the mouse, or nothing to learn from."""

_MASK_EDGE_PX = 2  # a mask may stick out of its box so far: tools round differently


def check_datasets(
    roots: Sequence[Path],
    *,
    decode: bool = False,
    max_ratio: float = MAX_RATIO,
    on_video: Callable[[int, int], None] | None = None,
) -> tuple[Finding, ...]:
    """All that is wrong or odd: in the labels, in the videos, and between the data sets.

    Args:
        roots: folders of data sets that are meant to share nothing, such as training and test data.
        decode: decode each video to its end, instead of believing its header.
        max_ratio: see ``MAX_RATIO``.
        on_video: called with the number of videos looked at and their total after each.

    Raises:
        UsageError: if a folder is named twice.
    """
    if len({Path(root).resolve() for root in roots}) < len(roots):
        raise UsageError("a data set is named twice; name each folder once.")
    findings: list[Finding] = []
    read = [read_dataset(root, findings.append) for root in roots]
    datasets = [dataset for dataset in read if dataset is not None]
    for dataset in datasets:
        check_labels(dataset, findings.append, max_ratio=max_ratio)
    videos = [(dataset, video) for dataset in datasets for video in dataset.videos]
    for done, (dataset, video) in enumerate(videos, start=1):
        still = is_still(video.info.path)  # quickly decoded, and its header says nothing of damage
        check_video(dataset, video, findings.append, decode=decode or still)
        if on_video is not None:
            on_video(done, len(videos))
    find_copies(datasets, findings.append)
    compare_datasets(datasets, findings.append)
    return tuple(findings)


def check_labels(dataset: Dataset, report: Report, *, max_ratio: float = MAX_RATIO) -> None:
    """Report what is odd about the labels of a data set that could be read."""
    clips = is_clip_list(dataset.root)
    path = dataset.root / (CLIPS if clips else ANNOTATIONS)
    if not dataset.videos:
        report(Finding(NO_VIDEOS, path, "videos", "there is no video that can be used"))
        return
    for video in dataset.videos:
        for track in video.tracks:
            entry = f"video {relative_name(dataset, video)}, track {track.track_id}"
            for kind, what in (*_odd_boxes(track), *_unseen_actions(video, track)):
                report(Finding(kind, path, entry, what))
    odd = [*_odd_dates(dataset), *_odd_classes(dataset, max_ratio), *_shared_recordings(dataset)]
    if not clips:  # they have neither places nor masks
        odd += [*_gaps(dataset), *_no_places(dataset)]
    for kind, entry, what in odd:
        report(Finding(kind, path, entry, what))


def _odd_boxes(track: Track) -> Iterable[tuple[Kind, str]]:
    sizes = track.boxes[:, 2:] - track.boxes[:, :2]
    if (tiny := (sizes < TINY_PX).any(axis=1)).any():
        yield (
            TINY_BOX,
            f"less than {TINY_PX} pixels wide or high on {list_frames(track.frames[tiny].tolist())}",
        )
    masked = [k for k, mask in enumerate(track.masks) if mask is not None]
    if not masked:
        return
    around = np.stack([mask_to_box(mask) for mask in track.masks if mask is not None])
    boxes, frames = track.boxes[masked], track.frames[masked]
    empty = (around[:, 2:] <= around[:, :2]).any(axis=1)
    if empty.any():
        yield STRAY_BOX, f"a box, but no pixel in its mask, on {list_frames(frames[empty].tolist())}"
    out = (around[:, :2] < boxes[:, :2] - _MASK_EDGE_PX) | (around[:, 2:] > boxes[:, 2:] + _MASK_EDGE_PX)
    if (stray := out.any(axis=1) & ~empty).any():
        yield STRAY_BOX, f"the mask reaches out of its box on {list_frames(frames[stray].tolist())}"


def _unseen_actions(video: LabelledVideo, track: Track) -> Iterable[tuple[Kind, str]]:
    for label in video.actions:
        if label.track_id != track.track_id:
            continue
        seen = (track.frames >= label.start_frame) & (track.frames < label.end_frame)
        if not seen.any():
            times = f"frames {label.start_frame} to {label.end_frame}"
            yield UNSEEN_ACTION, f"'{label.action}' from {times}, but no box there"


def _odd_dates(dataset: Dataset) -> Iterable[tuple[Kind, str, str]]:
    for video in dataset.videos:
        if video.recorded is not None and not _is_date(video.recorded):
            what = f"recorded is {quote(video.recorded)}, which is no date and time"
            yield ODD_DATE, f"video {relative_name(dataset, video)}", what


def _shared_recordings(dataset: Dataset) -> Iterable[tuple[Kind, str, str]]:
    splits: dict[str, set[str]] = {}
    for video in dataset.videos:
        if video.recording and video.split is not None:
            splits.setdefault(video.recording, set()).add(video.split)
    for recording, names in splits.items():
        if len(names) > 1:
            yield SHARED_RECORDING, f"recording {recording}", f"it is in {' and '.join(sorted(names))}"


def _no_places(dataset: Dataset) -> Iterable[tuple[Kind, str, str]]:
    """Places that nobody named; images are split by recording where none has a place."""
    placed = any(video.site or video.camera for video in dataset.videos)
    if not placed and all(is_still(video.info.path) for video in dataset.videos):
        return
    for what, unknown in (
        ("site", [video for video in dataset.videos if not video.site]),
        ("camera", [video for video in dataset.videos if not video.camera]),
    ):
        if unknown:
            number = f"{len(unknown)} of {len(dataset.videos)} videos"
            yield NO_PLACE, "videos", f"{number} name no {what}, first {relative_name(dataset, unknown[0])}"


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _gaps(dataset: Dataset) -> Iterable[tuple[Kind, str, str]]:
    """What is missing in many places is said once."""
    tracks = [(video, track) for video in dataset.videos for track in video.tracks]
    bare = [(video, track) for video, track in tracks if None in track.masks and not track.crowd]
    if bare:
        video, track = bare[0]
        number = sum(track.masks.count(None) for _, track in bare)
        first = f"first in {relative_name(dataset, video)}, track {track.track_id}"
        yield NO_MASK, "annotations", f"{number} boxes of {len(bare)} tracks have no mask, {first}"
    idle = [
        (video, track)
        for video, track in tracks
        if all(label.track_id != track.track_id for label in video.actions)
    ]
    if idle and dataset.actions:
        video, track = idle[0]
        first = f"first track {track.track_id} of {relative_name(dataset, video)}"
        yield NO_ACTION, "annotations", f"{len(idle)} of {len(tracks)} tracks have no action, {first}"


def _odd_classes(dataset: Dataset, max_ratio: float) -> Iterable[tuple[Kind, str, str]]:
    tracks = count_tracks(dataset.videos, dataset.species)
    seconds = count_seconds(dataset.videos, dataset.actions)
    for entry, amounts, unit in (("categories", tracks, "tracks"), ("actions", seconds, "s")):
        yield from _similar_names(entry, list(amounts))
        for name, amount in amounts.items():
            if amount == 0:
                yield EMPTY_CLASS, entry, f"no usable {'bout' if unit == 's' else 'track'} of '{name}'"
        yield from _imbalance(entry, amounts, unit, max_ratio)


def _similar_names(entry: str, names: Sequence[str]) -> Iterable[tuple[Kind, str, str]]:
    first: dict[str, str] = {}
    for name in names:
        plain = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
        if plain in first:
            yield SIMILAR_NAMES, entry, f"{quote(first[plain])} and {quote(name)} differ in spelling only"
        first.setdefault(plain, name)


def _imbalance(
    entry: str, amounts: Mapping[str, float], unit: str, max_ratio: float
) -> Iterable[tuple[Kind, str, str]]:
    some = {name: amount for name, amount in amounts.items() if amount > 0}
    if not some:
        return
    most, least = max(some, key=some.__getitem__), min(some, key=some.__getitem__)
    if some[most] > max_ratio * some[least]:
        ratio = f"{some[most] / some[least]:.0f} times as much"
        numbers = f"'{most}' {some[most]:.0f} {unit}, '{least}' {some[least]:.3g} {unit}"
        yield IMBALANCE, entry, f"{numbers}: {ratio}, which is more than {max_ratio:g}"
