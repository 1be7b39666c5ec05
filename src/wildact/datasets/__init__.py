"""Read labelled data sets, one annotation format per file, into `LabelledVideo` objects."""

from wildact.datasets.frames import truth_at
from wildact.datasets.native import Dataset, load_dataset

__all__ = ["Dataset", "load_dataset", "truth_at"]
