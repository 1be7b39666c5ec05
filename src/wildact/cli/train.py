"""``wildact train``: a recipe and labelled videos or images in, a network with its card out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[str, typer.Argument(help="A name from `wildact recipes list`, or a TOML file.")],
    data: Annotated[
        list[Path], typer.Option(help="Folder of labelled videos or images; may be given several times.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for this run.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: optimizer.iterations=100")
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of labelled data to choose the best weights by; may be repeated."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split to train on, where data name splits.")] = "train",
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode videos.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes or GPUs that train together.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines that train together.")] = 1,
) -> None:
    """Train a detector or an action network on labelled videos or images."""
    from wildact.recipes import load_recipe
    from wildact.train import train_recipe

    loaded = load_recipe(recipe, set_ or ())
    card = train_recipe(
        loaded,
        data,
        out,
        validation=validation,
        split=split,
        workers=workers,
        device=device,
        devices=devices,
        nodes=nodes,
    )
    if card.size_bytes:  # of several processes, the first has written them
        typer.echo(f"{out / card.file}: {card.size_bytes / 1e6:.1f} MB, sha256 {card.sha256[:16]}")
