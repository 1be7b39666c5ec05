"""``wildact data``: look at a labelled data set, and split it, before a network is trained on it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table
from rich.text import Text

from wildact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from wildact.datasets import Dataset
    from wildact.datasets.findings import Finding
    from wildact.datasets.split import Part

SHOWN = 5
ROWS = 30
STYLES = {"error": "bold red", "warning": "bold yellow"}
PART_NAMES = ("train", "val", "test")
HEADERS = {
    "total_s": "total, s", "shortest_s": "shortest, s", "median_s": "median, s", "longest_s": "longest, s",
    "visible_s": "visible, s", "median_height_px": "height, px",
}  # fmt: skip
TITLES = {
    "totals": "Amounts",
    "species": "Species",
    "actions": "Actions",
    "species_actions": "Seconds of each action, by species",
    "transitions": "What follows: first the action of the row, then that of the column",
    "lights": "Light",
    "sites": "Sites and cameras",
    "splits": "Splits",
}

app = typer.Typer(no_args_is_help=True, help="Labelled data sets: check, split, count.")


@app.command()
def check(
    folders: Annotated[list[Path], typer.Argument(help="Data sets that are to share nothing.")],
    decode: Annotated[bool, typer.Option("--decode", help="Decode every video to its end.")] = False,
    max_ratio: Annotated[
        float, typer.Option(min=1, help="The commonest class may be so many times as common as the rarest.")
    ] = 20.0,
    all_: Annotated[bool, typer.Option("--all", help="Show every place, not only the first ones.")] = False,
) -> None:
    """Find broken labels, videos that do not fit them, and leakage. Exit code 1: there are errors."""
    from wildact.datasets.check import check_datasets

    console = Console(stderr=True)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
        task = progress.add_task("videos", total=None)
        findings = check_datasets(
            folders,
            decode=decode,
            max_ratio=max_ratio,
            on_video=lambda done, total: progress.update(task, completed=done, total=total),
        )
    _print_findings(_console(), findings, most=None if all_ else SHOWN)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def split(
    folder: Annotated[Path, typer.Argument(help="The data set.")],
    out: Annotated[Path, typer.Option(help="A new folder; each part becomes a data set in it.")],
    by: Annotated[
        str | None,
        typer.Option(help="What stays together: site, camera, recording or video; else site, where named."),
    ] = None,
    shares: Annotated[str, typer.Option(help="Share of each part.")] = "0.8/0.1/0.1",
    names: Annotated[
        str | None, typer.Option(help="Names of the parts; else train/val/test, or train/test.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same parts.")] = 0,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the videos instead of linking them.")] = False,
) -> None:
    """Split a data set so that no site, camera, recording or video is in two parts; balance classes."""
    from wildact.datasets import load_dataset
    from wildact.datasets.leakage import find_copies
    from wildact.datasets.split import choose_unit, save_split, split_dataset

    wanted = parse_shares(shares, names)
    dataset = load_dataset(folder)
    by = by or choose_unit(dataset)
    parts = split_dataset(dataset, wanted, by=by, seed=seed)
    save_split(dataset, parts, out, copy=copy, facts={"by": by, "shares": shares, "seed": seed})
    copies: list[Finding] = []
    find_copies([dataset], copies.append)
    if copies:
        typer.echo(
            f"Warning: {len(copies)} videos are the same file as another one, maybe in another part;"
            " `wildact data check` lists them.",
            err=True,
        )
    _print_parts(_console(), dataset, parts, by)
    typer.echo(f"{len(parts)} data sets in {out}")


@app.command()
def stats(
    folder: Annotated[Path, typer.Argument(help="The data set.")],
    out: Annotated[Path | None, typer.Option(help="Folder for CSV tables and pictures.")] = None,
) -> None:
    """Count animals, actions, durations and transitions, per site and light."""
    from wildact.datasets import load_dataset
    from wildact.datasets.stats import describe_dataset, save_tables

    dataset = load_dataset(folder)
    tables = describe_dataset(dataset)
    console = _console()
    for name, table in tables.items():
        _print_table(console, TITLES[name], table)
    if out is not None:
        from wildact.datasets.stats_pictures import save_pictures

        save_tables(out, tables)
        save_pictures(out, dataset, tables)
        typer.echo(f"tables and pictures in {out}")


def parse_shares(shares: str, names: str | None) -> dict[str, float]:
    """``0.8/0.2`` to name -> share.

    Raises:
        UsageError: if shares are no numbers, or not as many as names.
    """
    texts = shares.split("/")
    if not all(re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text) for text in texts):
        raise UsageError(f"--shares takes numbers such as 0.8/0.1/0.1, not '{shares}'.")
    defaults = {2: ("train", "test"), 3: PART_NAMES}
    given = names.split("/") if names is not None else defaults.get(len(texts))
    if given is None:
        raise UsageError(f"{len(texts)} parts need names; give --names a/b/...")
    if len(given) != len(texts) or len(set(given)) < len(given):
        raise UsageError(f"--names must give {len(texts)} different names, not '{names}'.")
    return dict(zip(given, map(float, texts), strict=True))


def _console() -> Console:
    """Lines are folded for a terminal, and left whole in a file."""
    console = Console(highlight=False)
    console.soft_wrap = not console.is_terminal
    return console


# -- check -------------------------------------------------------------------------------------------------


def _print_findings(console: Console, findings: Sequence[Finding], most: int | None) -> None:
    from wildact.datasets.findings import KINDS

    for kind in sorted(KINDS, key=lambda kind: kind.severity):
        places = [finding for finding in findings if finding.kind is kind]
        if places:
            title = Text.assemble((f"{kind.severity}: ", STYLES[kind.severity]), (kind.title, "bold"))
            console.print(title + Text(f" ({len(places)})"))
            _print_places(console, places[:most])
            if most is not None and len(places) > most:
                console.print(f"    ... and {len(places) - most} more; --all shows them")
            _print_item(console, "  To do:", f"{kind.advice}.")
    errors = sum(finding.severity == "error" for finding in findings)
    console.print(f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}.")


def _print_places(console: Console, places: Sequence[Finding]) -> None:
    for file, findings in groupby(places, key=lambda finding: finding.file):
        console.print(Text(f"  {file}", style="cyan"))
        for finding in findings:
            text = f"{finding.entry}: {finding.what}" if finding.entry else finding.what
            _print_item(console, "    -", text)


def _print_item(console: Console, mark: str, text: str) -> None:
    """Text beside a mark; in a terminal its further lines begin below its first."""
    if console.soft_wrap:
        console.print(Text(f"{mark} {text}"))
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(mark, Text(text))
    console.print(grid)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


# -- split -------------------------------------------------------------------------------------------------


def _print_parts(console: Console, dataset: Dataset, parts: Sequence[Part], by: str) -> None:
    """What each part got: one column for each, with its share of the whole."""
    from wildact.datasets.stats import count_seconds, count_tracks

    table = Table(box=None, header_style="bold")
    table.add_column("", overflow="fold")
    for part in parts:
        table.add_column(f"{part.name}\n{part.share:.0%}", justify="right")
    tracks = [count_tracks(part.videos, dataset.species) for part in parts]
    seconds = [count_seconds(part.videos, dataset.actions) for part in parts]
    _add_row(table, f"{by}s", [len(part.groups) for part in parts])
    if by != "video":
        _add_row(table, "videos", [len(part.videos) for part in parts])
    _add_row(table, "blank", [sum(not video.tracks for video in part.videos) for part in parts])
    for name in dataset.species:
        _add_row(table, f"{name}, tracks", [counts[name] for counts in tracks])
    for name in dataset.actions:
        _add_row(table, f"{name}, s", [counts[name] for counts in seconds])
    console.print(table)
    for part, of_part, spent in zip(parts, tracks, seconds, strict=True):
        if lacks := [name for name, amount in {**of_part, **spent}.items() if not amount]:
            console.print(Text(f"{part.name} has nothing of: {', '.join(lacks)}.", style="yellow"))


def _add_row(table: Table, title: str, amounts: Sequence[float]) -> None:
    total = sum(amounts)
    cells = [f"{_say(amount)} ({amount / total:4.0%})" if total else "0" for amount in amounts]
    table.add_row(Text(title), *cells)


# -- stats -------------------------------------------------------------------------------------------------


def _print_table(console: Console, title: str, frame: pd.DataFrame) -> None:
    """A table as wide as the terminal at most: where names do not fit, numbers stand for them, or a list."""
    console.print(Text(f"\n{title}", style="bold"))
    if frame.empty:
        console.print("  none")
        return
    if "unknown" in frame and not frame["unknown"].any():
        frame = frame.drop(columns="unknown")
    shown = frame.iloc[:ROWS]
    names = [name if isinstance(name, tuple) else (name,) for name in shown.index]
    rows = [" / ".join(str(part) or "?" for part in name) for name in names]
    columns = [HEADERS.get(str(name), str(name)) for name in frame.columns]
    cells = [[_say(value) for value in values] for values in shown.itertuples(index=False)]
    if list(frame.index) == list(frame.columns) and _width(rows, columns, cells) > console.width:
        rows = [f"{number} {name}" for number, name in enumerate(rows, start=1)]
        columns = [str(number) for number in range(1, len(columns) + 1)]
    if _width(rows, columns, cells) > console.width:
        _print_pairs(console, rows, columns, cells)
    else:
        head = " / ".join(str(name) for name in frame.index.names if name)
        table = Table(head, box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(Text(column), justify="right")
        for row, texts in zip(rows, cells, strict=True):
            table.add_row(Text(row), *texts)
        console.print(Padding(table, (0, 0, 0, 2)))
    if len(frame) > ROWS:
        console.print(f"  ... and {len(frame) - ROWS} more; --out writes them all")


def _width(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Letters that a table takes."""
    widest = [max(map(len, texts)) for texts in zip(columns, *cells, strict=True)]
    return 2 + max(map(len, rows)) + sum(width + 2 for width in widest)


def _print_pairs(
    console: Console, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[str]]
) -> None:
    """A table that is too wide, as a list of what is not zero."""
    for row, texts in zip(rows, cells, strict=True):
        pairs = [f"{column} {text}" for column, text in zip(columns, texts, strict=True) if text != "0"]
        _print_item(console, "  -", f"{row}: {', '.join(pairs) or 'none'}")


def _say(value: object) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return f"{value:,.0f}" if value == 0 or value >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
