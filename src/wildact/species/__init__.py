"""Name the animals that were found: crops to probabilities, probabilities to names."""

from wildact.species.namer import NAMERS, Namer, build_namer, load_namer
from wildact.species.network import FEATURES, NamerNetwork, sum_outputs
from wildact.species.rollup import (
    Name,
    fuse_crops,
    read_species_list,
    roll_up,
    select_classes,
    sum_up_tree,
)

__all__ = [
    "FEATURES",
    "NAMERS",
    "Name",
    "Namer",
    "NamerNetwork",
    "build_namer",
    "fuse_crops",
    "load_namer",
    "read_species_list",
    "roll_up",
    "select_classes",
    "sum_outputs",
    "sum_up_tree",
]
