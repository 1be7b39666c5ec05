"""``wildact card``: what a network is and how it came about."""

from __future__ import annotations

from typing import Annotated

import typer


def card(
    weights: Annotated[str, typer.Argument(help="A run folder, a weights file, or a name.")],
) -> None:
    """Print the model card of a network: data, recipe, hardware, time, scores."""
    from wildact.weights import find_weights, read_record, render_model_card

    path, facts = find_weights(weights, None)
    typer.echo(render_model_card(facts, read_record(path)), nl=False)
