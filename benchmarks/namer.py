"""How often the namer answers at each rank, and how often its names are right there.

Crops are cut at the labelled boxes of real animals that the namer was not trained on; those of one burst
(missouri_ct, ir_deer) are fused to one name, and each animal of a photograph has a name of its own. A name is
right if it is what the label says or a group around it. Where a label is a group itself (bird) and the name
lies within it, nobody knows whether the name is right; it counts as right and is listed as "finer".
``animal`` does not count as a name. Intervals are Wilson's 95 % intervals over bursts or animals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wildact import defaults
from wildact.clip import crop_box
from wildact.datasets import load_dataset, select_split
from wildact.decode import VideoReader
from wildact.metrics.naming import LEVELS, Naming, find_level, tally_names
from wildact.species import Namer, load_namer
from wildact.taxonomy import load_taxonomy
from wildact.train.crops import Animal, list_animals

SETS = {"missouri_ct": "val", "voc12_animals": "val", "voc07test_animals": "test", "ir_deer": "test"}
"""Folder to the split that is not trained on."""


@dataclass(frozen=True)
class Answer:
    """A name that was given, its rank, and the truth."""

    naming: Naming
    level: int


def name_animals(namer: Namer, animals: Sequence[Animal]) -> list[Answer]:
    """Return the answers for all groups (bursts, or single animals)."""
    groups: dict[str, list[Animal]] = {}
    for animal in animals:
        groups.setdefault(animal.group, []).append(animal)
    answers = []
    for members in groups.values():
        crops = [cut(animal, namer) for animal in members]
        name = namer(np.stack(crops))
        first = members[0]
        answers.append(
            Answer(
                Naming(name.name, first.name, first.light, first.dataset),
                find_level(name.name, namer.taxonomy),
            )
        )
    return answers


def cut(animal: Animal, namer: Namer) -> np.ndarray:
    """Return the picture of an animal as an analysis would cut it."""
    with VideoReader(animal.path) as reader:
        image = next(frame.image for frame in reader.frames(lambda k, _: k == animal.frame))
    return crop_box(image, animal.box, size=namer.size, context=namer.context)


def print_table(answers: Iterable[Answer], title: str) -> None:
    """Print a row of the table in Markdown."""
    answers = list(answers)
    taxonomy = load_taxonomy()
    cells = []
    for level in range(len(LEVELS)):
        given = [answer for answer in answers if answer.level == level]
        tally = tally_names([answer.naming for answer in given], taxonomy)
        finer = f", {tally.finer} finer" if tally.finer else ""
        cells.append(f"{tally.right} of {tally.given}{finer}" if level < 4 else str(len(given)))
    tally = tally_names([answer.naming for answer in answers], taxonomy)
    low, high = tally.interval
    share = f"{tally.share:.2f} ({low:.2f} to {high:.2f})" if tally.given else "-"
    print(f"| {title} | {len(answers)} | {' | '.join(cells)} | {share} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real sets")
    parser.add_argument("--namer", default=defaults.NAMER, help="a name, a weights file or a run folder")
    parser.add_argument("--species-list", type=Path, help="text file with what may occur")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="of the real sets")
    parser.add_argument("--every", type=int, default=1, help="take each so-manieth photograph only")
    options = parser.parse_args()
    namer = load_namer(options.namer, species_list=options.species_list)
    print(f"| set, light | bursts or animals | {' | '.join(LEVELS)} | right of all names |")
    print("|---" * (len(LEVELS) + 3) + "|")
    for name in options.sets:
        animals = list_animals(select_split(load_dataset(options.data / name), SETS[name]), load_taxonomy())
        if name.startswith("voc"):
            animals = animals[:: options.every]
        answers = name_animals(namer, animals)
        for light in sorted({answer.naming.light for answer in answers}):
            chosen = [answer for answer in answers if answer.naming.light == light]
            print_table(chosen, f"{name} {SETS[name]}, {light}")


if __name__ == "__main__":
    main()
