"""How often names of animals are right at their rank."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wildact.taxonomy import ROOT, Taxonomy

LEVELS = ("species or genus", "family", "order", "class or wider", ROOT)
_LEVEL_OF_RANK = {
    "species": 0, "genus": 0, "subfamily": 1, "family": 1, "infraorder": 2, "suborder": 2, "order": 2,
}  # fmt: skip

Verdict = Literal["right", "finer", "wrong"]


@dataclass(frozen=True, slots=True)
class Naming:
    """A name and the truth.

    Attributes:
        name: that was given, of the taxonomy.
        truth: what the animal is, of the taxonomy.
        light: day, dusk or ir.
        dataset: that the animal is of.
    """

    name: str
    truth: str
    light: str = "day"
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many names were right.

    Attributes:
        given: names.
        right: of them, those that are the truth or a group around it, or finer than the truth is known.
        finer: of them, those within what is known (magpie, where the label says bird).
    """

    given: int
    right: int
    finer: int

    @property
    def share(self) -> float:
        """Right of those given; nan where there is none."""
        return self.right / self.given if self.given else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share; (0, 1) where there is none."""
        return compute_wilson(self.right, self.given)


def judge_name(naming: Naming, taxonomy: Taxonomy) -> Verdict:
    """Return whether a name is right at its rank: the truth itself or a group around it.

    ``finer``: the name lies within a truth that is known only as a group.
    """
    if taxonomy.contains(naming.name, naming.truth):
        return "right"
    return "finer" if taxonomy.contains(naming.truth, naming.name) else "wrong"


def find_level(name: str, taxonomy: Taxonomy) -> int:
    """Return the index in `LEVELS` of a name; a group counts as the smallest rank that it lies within."""
    if name == ROOT:
        return LEVELS.index(ROOT)
    ranks = (taxonomy.taxa[group].rank for group in taxonomy.lineage(name))
    return _LEVEL_OF_RANK.get(next(rank for rank in ranks if rank != "group"), 3)


def tally_names(namings: Iterable[Naming], taxonomy: Taxonomy) -> Tally:
    """Return how many names below ``animal`` were right, of animals whose truth says more than that."""
    counts = Counter(
        judge_name(naming, taxonomy) for naming in namings if naming.name != ROOT and naming.truth != ROOT
    )
    return Tally(sum(counts.values()), counts["right"] + counts["finer"], counts["finer"])


def compute_wilson(right: int, given: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share.

    Reference: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if given == 0:
        return 0.0, 1.0
    z = 1.959964
    share, scale = right / given, 1 + z * z / given
    centre = (share + z * z / (2 * given)) / scale
    half = z * math.sqrt(share * (1 - share) / given + z * z / (4 * given * given)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)
