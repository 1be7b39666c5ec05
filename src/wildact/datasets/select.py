"""Select the part of a data set that its own split names."""

from __future__ import annotations

from dataclasses import replace

from wildact.datasets.dataset import Dataset
from wildact.errors import DatasetError


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
