"""``wildact recipes``: the training recipes in the package."""

from __future__ import annotations

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
