"""Find what data sets share that are meant to share nothing: videos, cameras, sites.

A network that has seen a place may know it again by its background instead of knowing animals: Beery et al.
2018, "Recognition in Terra Incognita", ECCV.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path

from wildact.datasets.dataset import Dataset, relative_name
from wildact.datasets.findings import (
    OTHER_CLASSES,
    SAME_VIDEO,
    SHARED_CAMERA,
    SHARED_FILE,
    SHARED_SITE,
    Finding,
    Kind,
    Report,
)
from wildact.datasets.native.raw import ANNOTATIONS
from wildact.labels import LabelledVideo

_Place = tuple[Dataset, LabelledVideo]


def find_copies(datasets: Sequence[Dataset], report: Report) -> None:
    """Report videos whose files hold the same bytes, within a data set or in two of them."""
    videos = [(dataset, video) for dataset in datasets for video in dataset.videos]
    for copies in _copies(videos):
        (first, original), *others = copies
        for dataset, video in others:
            same = f"the same file as {relative_name(first, original)}"
            kind = SAME_VIDEO if dataset is first else SHARED_FILE
            what = same if dataset is first else f"{same} of {first.root}"
            report(Finding(kind, dataset.root / ANNOTATIONS, f"video {relative_name(dataset, video)}", what))


def compare_datasets(datasets: Sequence[Dataset], report: Report) -> None:
    """Report cameras and sites that two data sets have in common, and classes that they have not."""
    for one, other in combinations(datasets, 2):
        path = other.root / ANNOTATIONS
        for kind, what in _differences(one, other):
            report(Finding(kind, path, "", what))
        for kind, entry, count, count_here in (*_shared_cameras(one, other), *_shared_sites(one, other)):
            what = f"{count_here} of the videos here, {count} of those in {one.root}"
            report(Finding(kind, path, entry, what))


def _copies(videos: Sequence[_Place]) -> Iterator[list[_Place]]:
    """Groups of videos that are the same, byte by byte; only files of equal size are read."""
    sizes: defaultdict[int, list[_Place]] = defaultdict(list)
    for place in videos:
        with suppress(OSError):  # a missing or unreadable file is another finding
            sizes[place[1].info.path.stat().st_size].append(place)
    for alike in sizes.values():
        digests: defaultdict[bytes, list[_Place]] = defaultdict(list)
        for place in alike if len(alike) > 1 else ():
            with suppress(OSError):
                digests[_digest(place[1].info.path)].append(place)
        yield from (group for group in digests.values() if len(group) > 1)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _differences(one: Dataset, other: Dataset) -> Iterator[tuple[Kind, str]]:
    for what, here, there in (
        ("species", other.species, one.species),
        ("actions", other.actions, one.actions),
    ):
        if here != there:
            yield OTHER_CLASSES, f"{what} here: {', '.join(here)}; in {one.root}: {', '.join(there)}"


def _shared_cameras(one: Dataset, other: Dataset) -> Iterator[tuple[Kind, str, int, int]]:
    there, here = (
        Counter((video.site, video.camera) for video in dataset.videos if video.camera)
        for dataset in (one, other)
    )
    for site, camera in sorted(there.keys() & here.keys()):
        place = f"camera {camera}" + (f" of site {site}" if site else "")
        yield SHARED_CAMERA, place, there[site, camera], here[site, camera]


def _shared_sites(one: Dataset, other: Dataset) -> Iterator[tuple[Kind, str, int, int]]:
    there, here = (Counter(video.site for video in dataset.videos if video.site) for dataset in (one, other))
    for site in sorted(there.keys() & here.keys()):
        yield SHARED_SITE, f"site {site}", there[site], here[site]
