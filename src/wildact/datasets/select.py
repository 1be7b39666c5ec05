"""Select the part of a data set that its own split names."""

from __future__ import annotations

from dataclasses import replace

from wildact.datasets.dataset import Dataset
from wildact.errors import DatasetError

TEST_SPLITS = ("test", "val")
"""Splits to evaluate on, the first that there is."""


def select_split(dataset: Dataset, split: str) -> Dataset:
    """Return the videos of one split.

    Args:
        dataset: its videos may name their split.
        split: e.g. ``train`` or ``val``.

    Returns:
        The data set as it is where no video names a split.

    Raises:
        DatasetError: if the videos name splits, but none of them this one.
    """
    names = sorted({video.split for video in dataset.videos if video.split is not None})
    if not names:
        return dataset
    videos = tuple(video for video in dataset.videos if video.split == split)
    if not videos:
        raise DatasetError(f"{dataset.root} has no split '{split}'; it has {', '.join(names)}.")
    return replace(dataset, videos=videos)


def select_test_split(dataset: Dataset) -> tuple[Dataset, str | None]:
    """Return the videos to evaluate on, and the name of their split.

    Returns:
        The split ``test``, else ``val``; the data set as it is, and None, where no video names a split.

    Raises:
        DatasetError: if the videos name splits, but neither of these.
    """
    names = {video.split for video in dataset.videos if video.split is not None}
    if not names:
        return dataset, None
    split = next((name for name in TEST_SPLITS if name in names), None)
    if split is None:
        raise DatasetError(
            f"{dataset.root} has no split 'test' or 'val'; it has {', '.join(sorted(names))}: name one with "
            "--split."
        )
    return select_split(dataset, split), split
