"""Write a labelled data set as a BORIS project; what is in it stands in :mod:`wildact.export.boris`."""

from __future__ import annotations

from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.results.labels import find_audio, read_dataset_recordings
from wildact.export.boris import save_boris


def write_boris(dataset: Dataset, path: Path) -> None:
    """Write a labelled data set as a BORIS project.

    Raises:
        OutputError: if the file cannot be written, or a video's frame rate or length is unknown.
    """
    save_boris(path, find_audio(read_dataset_recordings(dataset)), actions=dataset.actions)
