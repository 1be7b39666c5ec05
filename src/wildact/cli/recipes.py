"""``wildact recipes``: the training recipes in the package."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Training recipes.")


@app.command("list")
def list_() -> None:
    """List the recipes."""
    from wildact.recipes import list_recipes, load_recipe

    for name in list_recipes():
        typer.echo(f"{name:28} {load_recipe(name).description}")


@app.command()
def show(name: str) -> None:
    """Print a recipe with the source of each number."""
    from wildact.recipes import load_recipe
    from wildact.recipes.schema import FOLDER

    load_recipe(name)
    typer.echo((FOLDER / f"{name}.toml").read_text(encoding="utf-8"), nl=False)


@app.command()
def lr(
    name: Annotated[str, typer.Argument(help="A name from `wildact recipes list`, or a TOML file.")],
    iterations_per_epoch: Annotated[int, typer.Option(min=1, help="Videos x samples of each / batch size.")],
) -> None:
    """Print the learning rate of every iteration as CSV, by the scheduler that training uses."""
    from wildact.recipes import load_recipe
    from wildact.train.schedule import iterate_learning_rates

    typer.echo("iteration,epoch,lr")
    for i, rate in enumerate(iterate_learning_rates(load_recipe(name), iterations_per_epoch)):
        typer.echo(f"{i},{i // iterations_per_epoch},{rate:.10g}")
