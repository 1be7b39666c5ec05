"""``wildact``: the table of commands, and how errors end.

Exit codes: 0 all went well; 1 a wrong call, or nothing could be done; 3 some inputs failed, the others are
done; 130 interrupted.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from wildact import __version__
from wildact.cli import card, compare, convert, data, evaluate, export, models, recipes, run, simulate, train
from wildact.errors import WildactError

WRONG_CALL = 2  # the exit code of typer's own complaints

app = typer.Typer(
    name="wildact",
    help="Find, follow and name the animals in wildlife video, and recognise what they do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("convert")(convert.convert)
app.command("export")(export.export)
app.command("simulate")(simulate.simulate)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("card")(card.card)
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wildact {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find, follow and name the animals in wildlife video, and recognise what they do."""


def main() -> None:
    """Run a command; what a user can mend is said in one sentence, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may lack the letters of a file's name
            stream.reconfigure(errors="replace")
    try:
        app()
    except WildactError as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[red]wildact:[/red] {escape(str(error))}")
        sys.exit(1)
    except SystemExit as end:
        sys.exit(1 if end.code == WRONG_CALL else end.code)
