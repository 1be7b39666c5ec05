"""``wildact models``: which weights are here, and fetching those that are not."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress
from rich.table import Table

app = typer.Typer(invoke_without_command=True, help="Weights: which are here, and fetching others.")


@app.callback()
def list_(context: typer.Context) -> None:
    """List bundled, cached and downloadable weights. Nothing is fetched without `download`."""
    if context.invoked_subcommand:
        return
    from wildact.weights import list_weights

    table = Table(box=None, header_style="bold")
    for column in ("name", "kind", "state", "MB", "classes", "trained on"):
        table.add_column(column, no_wrap=column != "trained on")
    for entry in list_weights():
        card = entry.card
        size = f"{card.size_bytes / 1e6:.1f}"
        kept = card.keep_classes or card.classes
        brief = card.trained_on.split(": ")[0]
        table.add_row(entry.name, card.kind, entry.state, size, str(len(kept)), brief)
    console = Console()
    console.print(table)
    console.print("`wildact card NAME` says more of those that are here.", highlight=False)


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="A name that `wildact models` lists as downloadable.")],
) -> None:
    """Fetch weights once, into the cache; an interrupted download goes on where it stopped."""
    from wildact.weights import download_weights

    with Progress(
        *Progress.get_default_columns(), DownloadColumn(), console=Console(stderr=True)
    ) as progress:
        task = progress.add_task(name, total=None)
        path = download_weights(
            name, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    typer.echo(str(path))
