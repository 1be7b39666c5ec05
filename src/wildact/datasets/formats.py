"""The table of annotation formats: who reads and writes them, and what each can hold.

A format is one module of this folder and one entry of ``FORMATS``. All go through :class:`Dataset`, so that
any two can be converted into each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wildact.datasets.losses import FEATURES, count_losses
from wildact.datasets.native import Dataset, load_dataset, save_dataset


@dataclass(frozen=True, slots=True)
class Format:
    """An annotation format.

    Attributes:
        name: as ``wildact convert`` calls it.
        title: as its makers call it, with the version.
        read: file or folder to data set; what the format does not tell stays unknown (see
            :class:`wildact.types.LabelledVideo`), and what wildact cannot hold is told by
            ``Dataset.dropped``. Raises DatasetError. None: this format is only written.
        write: data set to a file or folder, whole or not at all. What ``list_losses`` tells is left out.
            Raises OutputError. None: this format is only read.
        holds: names of ``FEATURES``: what comes back when it is written and read.
        takes_facts: ``read`` has a second argument, :class:`wildact.datasets.facts.Facts`, because it must
            know the frame size or rate (of shares of the frame, or of seconds) where the file does not tell.
    """

    name: str
    title: str
    read: Callable[..., Dataset] | None
    write: Callable[[Dataset, Path], None] | None
    holds: frozenset[str]
    takes_facts: bool = False

    def __post_init__(self) -> None:
        if unknown := self.holds - set(FEATURES):
            raise ValueError(f"format {self.name} claims to hold {sorted(unknown)}, which are no features")


def list_losses(dataset: Dataset, format_: Format) -> list[str]:
    """Say what this data set holds and the format cannot, each with its number.

    Example:
        ``["412 masks", "3 actions in 12 bouts"]``; empty where all of it can be held.
    """
    return count_losses(dataset, format_.holds)


FORMATS: dict[str, Format] = {
    format_.name: format_
    for format_ in (
        Format(
            name="native",
            title="wildact's own folder",
            read=load_dataset,
            write=save_dataset,
            holds=frozenset(FEATURES) - {"simultaneous actions", "scores"},
        ),
    )
}
"""Name -> format."""
