"""Answer with the most precise name that is sure enough.

Reference: Gadot et al. 2024, "To crop or not to crop", the roll-up of SpeciesNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wildact.errors import UsageError
from wildact.taxonomy import ROOT, Taxonomy
from wildact.types import Bool, Float64


@dataclass(frozen=True, slots=True)
class Name:
    """The name of an animal.

    Attributes:
        name: common name of a taxon of the taxonomy.
        rank: of the taxon.
        scientific_name: of the taxon; empty for a group without one.
        score: probability that the animal belongs to the taxon, in [0, 1].
    """

    name: str
    rank: str
    scientific_name: str
    score: float


def fuse_crops(log_probabilities: Float64, fusion: str) -> Float64:
    """Return the probabilities (C,) of one animal from those of its crops.

    Args:
        log_probabilities: (K, C) natural logarithms, one row for each crop.
        fusion: ``mean``: the mean of the probabilities; ``log_mean``: of their logarithms, renormalised.
    """
    if fusion == "mean":
        fused = np.exp(log_probabilities).mean(axis=0)
    else:
        means = log_probabilities.mean(axis=0)
        fused = np.exp(means - means.max())
    return np.asarray(fused / fused.sum(), np.float64)


def sum_up_tree(probabilities: Float64, classes: Sequence[str], taxonomy: Taxonomy) -> dict[str, float]:
    """Return the probability of each taxon that holds a class: the sum over the classes within it.

    Args:
        probabilities: (C,), summing to 1.
        classes: C names of the taxonomy.
        taxonomy: holds all of them.
    """
    sums: dict[str, float] = {}
    for name, probability in zip(classes, probabilities.tolist(), strict=True):
        for group in taxonomy.lineage(name):
            sums[group] = sums.get(group, 0.0) + probability
    return sums


def roll_up(
    probabilities: Float64,
    classes: Sequence[str],
    taxonomy: Taxonomy,
    *,
    threshold: float,
    allowed: Bool | None = None,
) -> Name:
    """Return the deepest taxon whose probability reaches a threshold, the likelier of two that do.

    Args:
        probabilities: (C,), summing to 1.
        classes: C names of the taxonomy.
        taxonomy: holds all of them.
        threshold: in (0, 1]. Where no taxon but the root reaches it, the answer is ``animal``.
        allowed: (C,) which classes may occur; None: all. Only taxa that hold one of them are answers; what is
            elsewhere in the tree counts for the groups that both share, and makes no species likelier.
    """
    sums = sum_up_tree(probabilities, classes, taxonomy)
    kept = classes if allowed is None else [name for name, keep in zip(classes, allowed, strict=True) if keep]
    candidates = {group for name in kept for group in taxonomy.lineage(name)}
    sure = [name for name in candidates if sums[name] >= threshold]
    best = max(sure, key=lambda name: (len(taxonomy.lineage(name)), sums[name]), default=ROOT)
    taxon = taxonomy.taxa[best]
    return Name(best, taxon.rank, taxon.scientific_name, min(sums[best], 1.0))


def select_classes(listed: Sequence[str], classes: Sequence[str], taxonomy: Taxonomy) -> Bool:
    """Return which classes may occur (C,), given what lives in a place.

    A class that is a group around a listed kind (hare, of European hare) may occur, too.

    Args:
        listed: names of the taxonomy; a group stands for all within it, and a kind that the network does not
            know for the smallest group that it knows.
        classes: of the network.
        taxonomy: holds all of them.
    """
    allowed = set()
    for name in listed:
        for group in taxonomy.lineage(name):
            within = {label for label in classes if taxonomy.contains(group, label)}
            if within:
                allowed |= within
                break
        allowed |= set(taxonomy.lineage(name))
    return np.array([label in allowed for label in classes], np.bool_)


def read_species_list(path: Path, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Read what lives in a place.

    Args:
        path: text file with one common or scientific name per line; what follows ``#`` is a comment.
        taxonomy: knows the names.

    Returns:
        Names of the taxonomy.

    Raises:
        UsageError: if the file cannot be read, is empty, or names what the taxonomy does not know.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the species list cannot be read ({error}); give a text file.") from error
    names = []
    for number, line in enumerate(lines, start=1):
        label = line.partition("#")[0].strip()
        if not label:
            continue
        taxon = taxonomy.find(label)
        if taxon is None:
            raise UsageError(
                f"{path}, line {number}: '{label}' is not in the taxonomy; give its genus, family or order."
            )
        names.append(taxon.name)
    if not names:
        raise UsageError(f"{path}: the species list is empty; give one name per line.")
    return tuple(names)
