"""Read the table of animals and answer questions about it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from wildact.errors import DatasetError

ROOT = "animal"
COLUMNS = ("name", "rank", "parent", "scientific_name", "synonyms", "source", "imagenet")
STANDARD_RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
"""Ranks that Camtrap DP knows, among those used here."""
RANKS = (
    "kingdom",
    "phylum",
    "class",
    "subclass",
    "order",
    "suborder",
    "infraorder",
    "family",
    "subfamily",
    "genus",
    "species",
    "group",
)
"""From high to low; a ``group`` (goose, lizard) has a common name only and may lie anywhere."""


@dataclass(frozen=True, slots=True)
class Taxon:
    """One kind of animal, or one group of kinds.

    Attributes:
        name: common name, unique.
        rank: one of `RANKS`.
        parent: name of the next larger group; empty for the root.
        scientific_name: as in the Catalogue of Life; empty for a ``group``.
        synonyms: other labels for the same thing.
        source: data sets that use the name; ``wildact`` where it was added to join others.
        imagenet: class indices of ImageNet-1k that show it.
    """

    name: str
    rank: str
    parent: str
    scientific_name: str = ""
    synonyms: tuple[str, ...] = ()
    source: str = ""
    imagenet: tuple[int, ...] = ()


@dataclass(frozen=True)
class Taxonomy:
    """A tree of taxa with one root.

    Attributes:
        taxa: name to taxon, parents before their children.
    """

    taxa: dict[str, Taxon]
    _by_label: dict[str, Taxon] = field(init=False, repr=False, compare=False)
    _lineages: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_label: dict[str, Taxon] = {}
        for taxon in self.taxa.values():
            _check_taxon(taxon, self.taxa)
            for label in {_fold(label) for label in (taxon.name, taxon.scientific_name, *taxon.synonyms)}:
                if label and by_label.setdefault(label, taxon) is not taxon:
                    other = by_label[label].name
                    raise DatasetError(
                        f"taxonomy: the label '{label}' stands for '{other}' and '{taxon.name}'."
                    )
        roots = [taxon.name for taxon in self.taxa.values() if not taxon.parent]
        if len(roots) != 1:
            raise DatasetError(f"taxonomy: there must be one root without a parent, not {len(roots)}.")
        object.__setattr__(self, "_by_label", by_label)
        object.__setattr__(self, "_lineages", {name: _find_lineage(name, self.taxa) for name in self.taxa})

    def find(self, label: str) -> Taxon | None:
        """Return the taxon of a common name, scientific name or synonym; None if there is none.

        Capital letters, hyphens and underscores make no difference.
        """
        return self._by_label.get(_fold(label))

    def lineage(self, name: str) -> tuple[str, ...]:
        """Return the names from a taxon up to the root, the taxon first."""
        return self._lineages[name]

    def contains(self, group: str, name: str) -> bool:
        """Return whether a taxon is a group itself or belongs to it."""
        return group in self.lineage(name)

    def standard(self, name: str) -> Taxon:
        """Return a taxon, or its nearest ancestor, whose rank is one of `STANDARD_RANKS`."""
        return next(t for t in map(self.taxa.__getitem__, self.lineage(name)) if t.rank in STANDARD_RANKS)


def _find_lineage(name: str, taxa: dict[str, Taxon]) -> tuple[str, ...]:
    names = [name]
    while parent := taxa[names[-1]].parent:
        if parent in names:
            raise DatasetError(f"taxonomy: '{parent}' is its own ancestor; mend its column 'parent'.")
        names.append(parent)
    return tuple(names)


def _fold(label: str) -> str:
    return " ".join(label.lower().replace("-", " ").replace("_", " ").split())


def _check_taxon(taxon: Taxon, taxa: dict[str, Taxon]) -> None:
    where = f"taxonomy, '{taxon.name}'"
    if taxon.rank not in RANKS:
        raise DatasetError(f"{where}: the rank '{taxon.rank}' is not one of {', '.join(RANKS)}.")
    if bool(taxon.scientific_name) == (taxon.rank == "group"):
        raise DatasetError(f"{where}: a taxon needs a scientific name, and a group must not have one.")
    if not taxon.parent:
        return
    if taxon.parent not in taxa:
        raise DatasetError(f"{where}: the parent '{taxon.parent}' is not in the table.")
    parent = taxa[taxon.parent]
    if "group" not in (taxon.rank, parent.rank) and RANKS.index(taxon.rank) <= RANKS.index(parent.rank):
        raise DatasetError(f"{where}: a {taxon.rank} cannot lie within the {parent.rank} '{parent.name}'.")


def _parse_indices(text: str) -> tuple[int, ...]:
    indices: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        indices += range(int(first), int(last or first) + 1)
    return tuple(indices)


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a table of animals.

    Args:
        path: CSV with the columns `COLUMNS`; several synonyms are separated by ``;``, ImageNet classes are
            numbers or ranges (``151-268``) separated by spaces.

    Raises:
        DatasetError: if the file is missing or is not a tree of unique names with one root.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise DatasetError(f"{path}: the columns must be {', '.join(COLUMNS)}.")
            rows = list(reader)
    except OSError as error:
        raise DatasetError(f"{path}: the taxonomy cannot be read: {error.strerror}.") from error
    taxa: dict[str, Taxon] = {}
    for line, row in enumerate(rows, start=2):
        if row["name"] in taxa:
            raise DatasetError(f"{path}, line {line}: the name '{row['name']}' occurs twice.")
        try:
            imagenet = _parse_indices(row["imagenet"])
        except ValueError as error:
            raise DatasetError(f"{path}, line {line}: '{row['imagenet']}' are not class indices.") from error
        synonyms = tuple(s.strip() for s in row["synonyms"].split(";") if s.strip())
        taxa[row["name"]] = Taxon(
            row["name"],
            row["rank"],
            row["parent"],
            row["scientific_name"],
            synonyms,
            row["source"],
            imagenet,
        )
    return Taxonomy(taxa)


@cache
def load_taxonomy() -> Taxonomy:
    """Return the table of animals that comes with wildact."""
    return read_taxonomy(Path(__file__).with_name("taxonomy.csv"))
