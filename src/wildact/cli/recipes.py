"""``wildact recipes``: the training recipes in the package."""

from __future__ import annotations

from typing import Annotated

import typer

from wildact.errors import UsageError

RecipeArgument = Annotated[str, typer.Argument(help="A name from `wildact recipes list`, or a TOML file.")]

app = typer.Typer(no_args_is_help=True, help="Training recipes.")


@app.command("list")
def list_() -> None:
    """List the recipes."""
    from wildact.recipes import list_recipes, load_recipe

    for name in list_recipes():
        typer.echo(f"{name:28} {load_recipe(name).description}")


@app.command()
def show(name: RecipeArgument) -> None:
    """Print a recipe with the source of each number; one that cannot be used is an error."""
    from wildact.recipes import find_recipe, load_recipe

    load_recipe(name)
    typer.echo(find_recipe(name).read_text(encoding="utf-8"), nl=False)


@app.command()
def lr(
    name: RecipeArgument,
    iterations_per_epoch: Annotated[int, typer.Option(min=1, help="Videos x samples of each / batch size.")],
) -> None:
    """Print the learning rate of every iteration as CSV, by the scheduler that training uses."""
    from wildact.recipes import NamerRecipe, load_recipe
    from wildact.train.schedule import iterate_learning_rates

    recipe = load_recipe(name)
    if isinstance(recipe, NamerRecipe):
        raise UsageError(f"{name} has no schedule of its own: a namer's learning rate falls by a cosine.")
    typer.echo("iteration,epoch,lr")
    for i, rate in enumerate(iterate_learning_rates(recipe, iterations_per_epoch)):
        typer.echo(f"{i},{i // iterations_per_epoch},{rate:.10g}")
