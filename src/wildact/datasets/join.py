"""Several labelled data sets as one, to train on: years, sites or projects need not share a folder."""

from __future__ import annotations

from collections.abc import Sequence

from wildact.datasets.dataset import Dataset


def join_datasets(datasets: Sequence[Dataset]) -> Dataset:
    """All videos of all data sets.

    Args:
        datasets: one or more; they may name different animals and actions.

    Returns:
        A data set with the root of the first. Animals and actions are in the order in which they are met; of
        the facts those are kept that all agree on.
    """
    first = datasets[0]
    return Dataset(
        root=first.root,
        species=tuple(dict.fromkeys(name for dataset in datasets for name in dataset.species)),
        actions=tuple(dict.fromkeys(name for dataset in datasets for name in dataset.actions)),
        videos=tuple(video for dataset in datasets for video in dataset.videos),
        facts={
            key: value
            for key, value in first.facts.items()
            if all(key in dataset.facts and dataset.facts[key] == value for dataset in datasets)
        },
        dropped=tuple(dict.fromkeys(name for dataset in datasets for name in dataset.dropped)),
        supercategories={
            name: group for dataset in reversed(datasets) for name, group in dataset.supercategories.items()
        },
    )
