"""From the names that detectors give to those of zoology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wildact.taxonomy import load_taxonomy

Rank = Literal["", "kingdom", "phylum", "class", "order", "family", "genus", "species", "subspecies"]
RANKS: tuple[str, ...] = get_args(Rank)

ObservationType = Literal["animal", "human", "vehicle"]


@dataclass(frozen=True, slots=True)
class Taxon:
    """What a label stands for.

    Attributes:
        scientific_name: as in the Catalogue of Life; empty where it stands for no taxon, or one unknown.
        rank: of the name; may be empty.
        kind: Camtrap DP's ``observationType``.
    """

    scientific_name: str
    rank: Rank = ""
    kind: ObservationType = "animal"


def _list_taxa() -> dict[str, Taxon]:
    """Return the labels of the taxonomy; a group, or a rank that Camtrap DP lacks, as the taxon around it."""
    taxonomy = load_taxonomy()
    taxa = {"vehicle": Taxon("", "", "vehicle")}
    for taxon in taxonomy.taxa.values():
        standard = taxonomy.standard(taxon.name)
        kind: ObservationType = "human" if taxon.scientific_name == "Homo sapiens" else "animal"
        entry = Taxon(standard.scientific_name, standard.rank, kind)  # type: ignore[arg-type]
        for label in filter(None, (taxon.name, taxon.scientific_name, *taxon.synonyms)):
            folded = label.casefold()
            taxa |= dict.fromkeys((folded, folded.replace("-", " "), folded.replace(" ", "_")), entry)
    return taxa


TAXA: dict[str, Taxon] = _list_taxa()
"""Label in lower case -> what it stands for; a user's own table comes first."""


_SUPERCATEGORIES = {
    **dict.fromkeys(
        ("person", "human", "people", "homo sapiens", "man", "woman", "child", "hunter", "hiker"), "person"
    ),
    **dict.fromkeys(
        ("vehicle", "bicycle", "boat", "bus", "car", "motorcycle", "motorbike", "truck", "van", "tractor"),
        "vehicle",
    ),
}


def find_supercategory(label: str) -> str:
    """Return ``person`` or ``vehicle`` where a label means one of these, else ``animal``."""
    return _SUPERCATEGORIES.get(label.lower(), "animal")
