"""Weights to start from: a network of the same kind, whose head may be for other classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from wildact.errors import UsageError
from wildact.weights.card import Kind, WeightCard
from wildact.weights.files import load_state_except_head, load_state_of, load_weights, read_card
from wildact.weights.find import find_weights
from wildact.weights.foreign import FOREIGN_SUFFIXES
from wildact.weights.known import DOWNLOADABLE

PUBLISHED: dict[str, Kind] = {"coco": "detector", "kinetics400": "recognizer"}
"""Data sets by whose name the published weights of a network may be asked for."""


def load_initial_weights(
    model: nn.Module,
    weights: str,
    *,
    network: str,
    kind: Kind,
    head: Sequence[str],
) -> WeightCard | None:
    """Copy weights into an untrained network.

    A head of another number of classes stays untrained, and that is logged; any other difference is an error.

    Args:
        model: the network.
        weights: ``coco`` or ``kinetics400``, the published ones of this network; a name that
            ``wildact models`` lists; a weights file of wildact or, with or without a card, of another library
            (`wildact.weights.load_foreign_state`); or a training run's folder.
        network: its name in ``DETECTORS`` or ``RECOGNIZERS``.
        kind: what it does.
        head: what the names of its last layers begin with.

    Returns:
        The weights' card; None where a file of another library has none.

    Raises:
        UsageError: if there are no such weights, or they are of another kind of network.
        WeightsError: if they are not on this computer, damaged, or do not fit.
    """
    if lacks_card(weights):
        load_state_except_head(model, load_state_of(Path(weights), network), head)
        return None
    path, _ = find_initial_weights(weights, network, kind)
    state, card = load_weights(path, read_card(path))
    load_state_except_head(model, state, head)
    return card


def find_initial_weights(weights: str, network: str, kind: Kind) -> tuple[Path, WeightCard]:
    """As `find_weights`; ``coco`` and ``kinetics400`` are the weights that were published of the network.

    Raises:
        UsageError: if nobody published such weights of it, too.
        WeightsError: as `find_weights`.
    """
    if weights not in PUBLISHED:
        return find_weights(weights, kind)
    if PUBLISHED[weights] != kind:
        raise UsageError(f"'{weights}' weights are of a {PUBLISHED[weights]}, and {network} is a {kind}.")
    if network not in DOWNLOADABLE:
        published = ", ".join(name for name, card in DOWNLOADABLE.items() if card.kind == kind)
        raise UsageError(f"there are no '{weights}' weights of {network}, only of {published}.")
    return find_weights(network, kind)


def lacks_card(weights: str) -> bool:
    """Whether these are a file of another library, without a card."""
    path = Path(weights)
    return path.suffix in FOREIGN_SUFFIXES and path.is_file() and not path.with_suffix(".json").is_file()
