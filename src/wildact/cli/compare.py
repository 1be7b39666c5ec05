"""``wildact compare``: how much better one detector is than another, on the same videos."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wildact.evaluate import Comparison

ROWS = ("ap50", "ap50_by_speed", "ap75", "ap", "ap_by_speed", "ar100")
"""Figures in the order of the printed table, of boxes and of masks."""


def compare(
    first: Annotated[Path, typer.Argument(help="Folder of an evaluation: 'wildact evaluate --out FOLDER'.")],
    second: Annotated[Path, typer.Argument(help="Folder of another one, on the same videos.")],
    resamples: Annotated[int, typer.Option(min=0, help="Of the videos, for the intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A .json file for all figures, those of species included.")
    ] = None,
) -> None:
    """Compare two detectors on the same videos: FIRST minus SECOND, with paired intervals."""
    from wildact.evaluate import compare_matches, load_matches
    from wildact.record import save_json

    compared = compare_matches(load_matches(first), load_matches(second), resamples=resamples, seed=seed)
    if out is not None:
        groups = {
            group: {name: _plain(one) for name, one in figures.items()} for group, figures in compared.items()
        }
        facts = {"first": first.name, "second": second.name, "resamples": resamples, "seed": seed}
        save_json(out, {**facts, "groups": groups})
    console = Console()
    for group, figures in compared.items():
        console.print(_table(group, figures), "")


def _plain(one: Comparison) -> dict[str, object]:
    return {**asdict(one), "difference": one.difference.value, "interval": one.difference[1:]}


def _table(group: str, figures: Mapping[str, Comparison]) -> Table:
    from wildact.evaluate.plots import GROUP_NAMES

    table = Table(GROUP_NAMES[group], "first", "second", "difference", "95 %", box=None)
    for kind in ("box", "mask"):
        for row in ROWS:
            for name in [name for name in figures if name.split("/")[0] == f"{kind}_{row}"]:
                _add_row(table, f"{kind}_{row}", name, figures[name])
    return table


def _add_row(table: Table, row: str, name: str, one: Comparison) -> None:
    from wildact.evaluate.figures import TITLES

    title = f"  {name.partition('/')[2]}" if "/" in name else TITLES[row][0]
    if math.isnan(one.difference.value):
        table.add_row(title, "–", "–", "–")
        return
    value, low, high = one.difference
    interval = "" if math.isnan(low) else f"{low:+.3f} to {high:+.3f}"
    table.add_row(title, f"{one.first:.3f}", f"{one.second:.3f}", f"{value:+.3f}", interval)
