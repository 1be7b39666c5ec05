"""Read labelled data sets, one annotation format per file, into `LabelledVideo` objects."""

from wildact.datasets.frames import labels_at
from wildact.datasets.native import Dataset, load_dataset

__all__ = ["Dataset", "labels_at", "load_dataset"]
