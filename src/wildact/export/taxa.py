"""From the names that detectors give to those of zoology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

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


TAXA: dict[str, Taxon] = {
    # the bundled networks
    "red deer": Taxon("Cervus elaphus", "species"),
    "wild boar": Taxon("Sus scrofa", "species"),
    "red fox": Taxon("Vulpes vulpes", "species"),
    "european hare": Taxon("Lepus europaeus", "species"),
    # MegaDetector, and the animals of COCO
    "animal": Taxon("Animalia", "kingdom"),
    "person": Taxon("Homo sapiens", "species", "human"),
    "vehicle": Taxon("", "", "vehicle"),
    "bird": Taxon("Aves", "class"),
    "cat": Taxon("Felis catus", "species"),
    "dog": Taxon("Canis familiaris", "species"),
    "horse": Taxon("Equus caballus", "species"),
    "sheep": Taxon("Ovis aries", "species"),
    "cow": Taxon("Bos taurus", "species"),
    "elephant": Taxon("Elephantidae", "family"),
    "bear": Taxon("Ursidae", "family"),
    "zebra": Taxon("Equus", "genus"),
    "giraffe": Taxon("Giraffa", "genus"),
}
"""Label in lower case -> what it stands for; a user's own table comes first."""


_SUPERCATEGORIES = {
    **dict.fromkeys(("person", "human", "people", "homo sapiens"), "person"),
    **dict.fromkeys(("vehicle", "bicycle", "boat", "bus", "car", "motorcycle", "truck"), "vehicle"),
}


def find_supercategory(label: str) -> str:
    """Return ``person`` or ``vehicle`` where a label means one of these, else ``animal``."""
    return _SUPERCATEGORIES.get(label.lower(), "animal")
