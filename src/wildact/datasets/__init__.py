"""Labelled data sets: read, checked, split, counted, and carried from one annotation format to another.

Everything works on `Dataset`. ``native`` reads and writes wildact's own format, ``formats`` those of other
tools; ``results`` makes labels of what ``wildact run`` found.
"""

from wildact.datasets.check_videos import require_videos
from wildact.datasets.classes import fit_classes, map_classes
from wildact.datasets.dataset import Dataset
from wildact.datasets.frames import mask_truth_at, truth_at
from wildact.datasets.join import join_datasets
from wildact.datasets.native.read import load_dataset
from wildact.datasets.select import select_split, select_test_split

__all__ = [
    "Dataset",
    "fit_classes",
    "join_datasets",
    "load_dataset",
    "map_classes",
    "mask_truth_at",
    "require_videos",
    "select_split",
    "select_test_split",
    "truth_at",
]
