"""A data set in the classes of a detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wildact.datasets.dataset import Dataset
from wildact.errors import DatasetError, UsageError
from wildact.labels import LabelledVideo
from wildact.taxonomy import load_taxonomy

ANIMAL = "animal"
"""The class of all animals."""

REST = "*"
"""Key of a table of classes that stands for all categories it does not name."""

_NO_TABLE: Mapping[str, str] = {}


def map_classes(dataset: Dataset, classes: Sequence[str], table: Mapping[str, str] = _NO_TABLE) -> Dataset:
    """Rename the categories of a data set to the classes of a detector.

    A category becomes what the table says of it, else its supercategory if that is a class, else its own
    name if that is one, else what the table says of ``*``, else ``animal`` if that is a class and the
    taxonomy knows the category. What is left is dropped: background.

    Args:
        dataset: with any categories.
        classes: names of the detector's classes, in order; the species of the result.
        table: category -> class.

    Raises:
        UsageError: if the table names a class that is not among the classes.
    """
    if unknown := sorted(set(table.values()) - set(classes)):
        listed = ", ".join(classes)
        raise UsageError(f"the table of classes names '{unknown[0]}', which is not among {listed}.")
    names = {name: _find_class(name, dataset, classes, table) for name in dataset.species}
    return replace(
        dataset,
        species=tuple(classes),
        videos=tuple(_rename(video, names) for video in dataset.videos),
        supercategories={},
    )


def _find_class(name: str, dataset: Dataset, classes: Sequence[str], table: Mapping[str, str]) -> str | None:
    """The class of a category; None where it has none."""
    if name in table:
        return table[name]
    group = dataset.supercategories.get(name)
    if group in classes:
        return group
    if name in classes:
        return name
    if REST in table:
        return table[REST]
    return ANIMAL if ANIMAL in classes and _is_animal(dataset, name) else None


def _rename(video: LabelledVideo, names: Mapping[str, str | None]) -> LabelledVideo:
    tracks = tuple(
        replace(track, label=label) for track in video.tracks if (label := names.get(track.label)) is not None
    )
    kept = {track.track_id for track in tracks}
    return replace(
        video, tracks=tracks, actions=tuple(label for label in video.actions if label.track_id in kept)
    )


def fit_classes(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """Return a data set in the classes of a detector, to compare its detections with.

    Args:
        dataset: with any categories.
        classes: of the detector.

    Returns:
        The data set as it is where the detector knows all its categories; else see `map_classes`: animals
        become ``animal``, categories of other kinds that the detector has no class for are background.

    Raises:
        DatasetError: if there are animals that the detector has no class for.
    """
    if set(dataset.species) <= set(classes):
        return dataset
    unknown = sorted(name for name in list_unknown(dataset, classes) if _is_animal(dataset, name))
    if unknown:
        raise DatasetError(f"the detector does not know {', '.join(unknown)}")
    return map_classes(dataset, classes)


def list_unknown(dataset: Dataset, classes: Sequence[str]) -> list[str]:
    """Return the categories that none of the classes stands for."""
    return [name for name in dataset.species if _find_class(name, dataset, classes, _NO_TABLE) is None]


def _is_animal(dataset: Dataset, name: str) -> bool:
    """Whether a category is an animal: its supercategory says so, or the taxonomy knows either of the two."""
    group = dataset.supercategories.get(name, ANIMAL)
    if group == ANIMAL:
        return True
    taxa = [taxon for word in (name, group) if (taxon := load_taxonomy().find(word)) is not None]
    return bool(taxa) and all(taxon.scientific_name != "Homo sapiens" for taxon in taxa)
