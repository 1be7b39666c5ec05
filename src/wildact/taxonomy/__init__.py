"""One table of animals: common and scientific names, ranks, and what belongs to what."""

from wildact.taxonomy.tree import (
    RANKS,
    ROOT,
    STANDARD_RANKS,
    Taxon,
    Taxonomy,
    load_taxonomy,
    read_taxonomy,
)

__all__ = ["RANKS", "ROOT", "STANDARD_RANKS", "Taxon", "Taxonomy", "load_taxonomy", "read_taxonomy"]
