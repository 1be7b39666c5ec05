"""Pictures of what a data set holds: classes, transitions, sites, durations of bouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wildact.atomic import replacing
from wildact.datasets.dataset import Dataset
from wildact.datasets.stats import LIGHTS, list_bouts
from wildact.export.colors import action_hex

LIGHT_COLORS = {"day": "#f0c842", "dusk": "#d55e00", "ir": "#3d4f6b", "unknown": "#c3c8ce"}
LIGHT_NAMES = {"day": "day", "dusk": "dusk", "ir": "infrared", "unknown": "unknown"}
BLUE = "#0072b2"
GREY = "#5f6670"

_MOST_ROWS = 40
_MOST_CELLS = 40  # classes above which the cells of a matrix are too small for numbers
_ROW_INCH = 0.3


def save_pictures(folder: Path, dataset: Dataset, tables: Mapping[str, pd.DataFrame]) -> tuple[Path, ...]:
    """Save ``classes.png``, ``transitions.png``, ``sites.png`` and ``bouts.png``.

    Args:
        folder: made where missing.
        dataset: to be shown.
        tables: of `describe_dataset`.

    Returns:
        The files.

    Raises:
        OutputError: if they cannot be written.
    """
    draw: dict[str, Callable[[], Figure]] = {
        "classes.png": lambda: _draw_classes(tables),
        "transitions.png": lambda: _draw_transitions(tables["transitions"]),
        "sites.png": lambda: _draw_sites(tables["sites"]),
        "bouts.png": lambda: _draw_bouts(list_bouts(dataset), dataset.actions),
    }
    for name, figure in draw.items():
        with replacing(folder / name) as part:
            figure().savefig(part, format="png")
    return tuple(folder / name for name in draw)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _prepare(axes: Axes, title: str, names: list[str], unit: str, rows: int = 1) -> None:
    """A row for each name (room for ``rows`` at least), the first on top, and little else that needs ink."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(max(len(names), rows) - 0.4, -0.6)
    axes.set_xlabel(unit, color=GREY, fontsize=9)
    axes.tick_params(length=0, labelsize=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c3c8ce")


def _short(name: str, length: int = 30) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _say_nothing(axes: Axes, text: str) -> None:
    axes.set_xticks([])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def _draw_classes(tables: Mapping[str, pd.DataFrame]) -> Figure:
    species, actions = tables["species"], tables["actions"]
    rows = max(len(species), len(actions), 2)
    figure = _figure(9.5, 1.2 + _ROW_INCH * rows)
    left, right = figure.subplots(1, 2)
    _bars(
        left, "Tracks of each species", species["tracks"], "tracks", dict.fromkeys(species.index, BLUE), rows
    )
    colors = action_hex([*map(str, actions.index)])
    _bars(right, "Labelled time of each action", actions["total_s"], "seconds", colors, rows)
    return figure


def _bars(
    axes: Axes,
    title: str,
    amounts: pd.Series[float],
    unit: str,
    colors: Mapping[str, str],
    rows: int,
) -> None:
    names = [str(name) for name in amounts.index]
    _prepare(axes, title, names, unit, rows)
    values = amounts.to_numpy(np.float64)
    bars = axes.barh(range(len(names)), values, height=0.7, color=[colors[name] for name in names])
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=9, color=GREY)
    axes.set_xlim(0, max(values.max(initial=0) * 1.15, 1))


def _draw_transitions(table: pd.DataFrame) -> Figure:
    names, counts = [str(name) for name in table.index], table.to_numpy(np.float64)
    side = 2.3 + 0.5 * min(max(len(names), 3), _MOST_CELLS)
    figure = _figure(side + 1.2, side)
    axes = figure.add_subplot()
    _prepare(axes, "What an animal does next (colour: share of the row)", names, "then")
    if counts.sum() == 0:
        _say_nothing(axes, "no action follows another")
        return figure
    sums = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), [_short(name) for name in names], rotation=35, ha="right")
    for label in axes.get_xticklabels():
        label.set_parse_math(False)
    axes.set_ylabel("first", color=GREY, fontsize=9)
    axes.spines["bottom"].set_visible(False)
    if len(names) <= _MOST_CELLS:
        for row, column in zip(*np.nonzero(counts), strict=True):
            color = "white" if shares[row, column] > 0.55 else "#30363d"
            number = f"{counts[row, column]:.0f}"
            axes.text(column, row, number, ha="center", va="center", fontsize=9, color=color)
    bar = figure.colorbar(image, ax=axes, shrink=0.7)
    bar.ax.tick_params(labelsize=8, length=0)
    bar.outline.set_visible(False)
    return figure


def _draw_sites(table: pd.DataFrame) -> Figure:
    sites = table.groupby("site")[list(LIGHTS)].sum() if len(table) else pd.DataFrame(columns=list(LIGHTS))
    total = len(sites)
    order = sites.sum(axis=1).sort_values(ascending=False, kind="stable").index[:_MOST_ROWS]
    sites = sites.loc[order]
    names = [str(site) or "(unknown)" for site in sites.index]
    figure = _figure(8, 1.5 + _ROW_INCH * max(len(names), 2))
    axes = figure.add_subplot()
    more = f" (the {_MOST_ROWS} largest of {total})" if total > _MOST_ROWS else ""
    _prepare(axes, f"Videos of each site, by light{more}", names, "videos")
    start = np.zeros(len(names))
    for light in LIGHTS:
        width = sites[light].to_numpy(np.float64)
        if width.any():
            axes.barh(
                range(len(names)),
                width,
                left=start,
                height=0.7,
                color=LIGHT_COLORS[light],
                label=LIGHT_NAMES[light],
            )
        start += width
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if start.any():
        figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=9, handlelength=1)
    else:
        _say_nothing(axes, "no videos")
    return figure


def _draw_bouts(bouts: pd.DataFrame, actions: tuple[str, ...]) -> Figure:
    figure = _figure(8, 1.4 + 0.42 * max(len(actions), 2))
    axes = figure.add_subplot()
    colors = action_hex(actions)
    unit = "seconds (dot: median; thick: half of the bouts; thin: 5 to 95 %)"
    _prepare(axes, "How long a bout lasts", list(actions), unit)
    if bouts.empty:
        _say_nothing(axes, "no actions are labelled")
        return figure
    for row, action in enumerate(actions):
        values = bouts.loc[bouts["action"] == action, "seconds"].to_numpy(np.float64)
        if len(values) == 0:
            continue
        color = colors[action]
        low, first, median, third, high = np.percentile(values, [5, 25, 50, 75, 95])
        axes.plot([low, high], [row, row], color=color, linewidth=2, solid_capstyle="butt")
        axes.plot([first, third], [row, row], color=color, linewidth=11, solid_capstyle="butt")
        dot = color if low == high else "white"
        axes.plot([median], [row], "o", color=dot, markeredgecolor="#30363d", markersize=7)
        note = (1.01, row)
        axes.annotate(
            f"n = {len(values):,}",
            note,
            xycoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=8,
            color=GREY,
        )
    axes.set_xlim(left=0)
    return figure
