"""Plots of an evaluation, as matplotlib figures; names come from data: none is read as mathematics."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wildact.evaluate.figures import CURVE_IOUS, TITLES, GroupScores
from wildact.export.colors import TRACK_COLORS, to_hex
from wildact.export.ethogram import LIGHT_NAMES
from wildact.metrics import RECALLS, mean_known
from wildact.types import Float64, Int64

INK, GREY, LINE = "#22282e", "#6a727b", "#c3c8ce"
GROUP_COLORS = {"all": "#9aa3ad", "day": "#e69f00", "dusk": "#cc79a7", "ir": "#0072b2"}
GROUP_NAMES = {"all": "all", **LIGHT_NAMES}
MAX_NAMED = 12
"""So many classes are told apart in a plot; of more, curves are grey and cells hold no numbers."""
BARS = (
    "box_ap50", "mask_ap50", "found", "species", "idf1", "hota", "action_top1_of_all", "action_mean_class",
    "video_map50", "bout_top1", "bout_mean_class",
)  # fmt: skip
"""Figures whose groups are drawn side by side: those between 0 and 1 that stand for a stage."""


def draw_confusion(table: Int64, actions: Sequence[str], *, unit: str) -> Figure:
    """Rows: what is true; columns: the answer; cells: share of the row, coloured, above its count.

    Args:
        table: (C, C + 1) counts; the last column, none of the actions, is left out where it is empty.
        actions: C names.
        unit: what is counted, in the plural.
    """
    columns = [*actions, "none of them"] if table[:, -1].any() else list(actions)
    counts = table[:, : len(columns)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = _figure(1.9 + 0.78 * len(columns), 1.5 + 0.62 * len(actions))
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    small = len(columns) > MAX_NAMED
    for (row, column), count in np.ndenumerate(counts):
        if count and not small:
            color = "white" if shares[row, column] > 0.55 else INK
            text = f"{100 * shares[row, column]:.0f} %\n{count}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    rows = [f"{name} ({total})" for name, total in zip(actions, counts.sum(axis=1), strict=True)]
    axes.set_yticks(range(len(actions)), rows)
    axes.set_xlabel("answer", color=GREY)
    axes.set_ylabel(f"true ({unit})", color=GREY)
    axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(actions)), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0, labelsize=9)
    _tidy(axes)
    return figure


def draw_curves(curves: Mapping[str, Float64], species: Sequence[str]) -> Figure:
    """Precision over recall: each species at the first of `CURVE_IOUS`, and the mean over species at each.

    Args:
        curves: ``box`` and ``mask`` to (2, S, 101) precision.
        species: S names.
    """
    figure = _figure(9, 4.1)
    many = len(species) > MAX_NAMED
    places = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (kind, of_ious) in zip(places, curves.items(), strict=True):
        for number, (name, curve) in enumerate(zip(species, of_ious[0], strict=True)):
            if not np.isnan(curve).any():
                color = LINE if many else to_hex(TRACK_COLORS[number % len(TRACK_COLORS)])
                axes.plot(RECALLS, curve, color=color, linewidth=1.3, label=None if many else name)
        for iou, of_species, style in zip(CURVE_IOUS, of_ious, ("-", "--"), strict=True):
            mean = mean_known(of_species, axis=0)
            axes.plot(RECALLS, mean, color=INK, linestyle=style, linewidth=2.2, label=f"mean, IoU {iou:.2f}")
        axes.set_xlabel("recall", color=GREY)
        axes.set_ylabel("precision", color=GREY)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_title({"box": "boxes", "mask": "masks"}[kind], loc="left", fontsize=10)
        axes.grid(color="#eceef1")
        axes.set_axisbelow(True)
        _tidy(axes, keep=("left", "bottom"))
    lines, labels = figure.axes[0].get_legend_handles_labels()
    legend = figure.legend(lines, labels, loc="outside right center", frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def draw_groups(groups: Mapping[str, GroupScores]) -> Figure:
    """Bars of the main figures, one for each group, with their intervals."""
    names = [name for name in BARS if name in groups["all"].figures]
    names = [name for name in names if not np.isnan(groups["all"].figures[name].value)]
    figure = _figure(9, 0.9 + len(names) * (0.16 + 0.13 * len(groups)))
    axes = figure.add_subplot()
    height = 0.8 / len(groups)
    for k, (group, scores) in enumerate(groups.items()):
        values = np.array([scores.figures[name] for name in names]).reshape(-1, 3)
        places = np.arange(len(names)) + (k - (len(groups) - 1) / 2) * height
        color, name = GROUP_COLORS[group], GROUP_NAMES[group]
        axes.barh(places, np.nan_to_num(values[:, 0]), 0.86 * height, color=color, label=name)
        axes.hlines(places, values[:, 1], values[:, 2], color=INK, linewidth=1)
        axes.plot(values[:, 1:], places[:, None].repeat(2, axis=1), "|", color=INK, markersize=3.5)
    axes.set_yticks(range(len(names)), [TITLES[name][0] for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", color="#eceef1")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9)
    _tidy(axes, keep=("bottom",))
    figure.legend(loc="outside upper right", ncols=len(groups), frameon=False, fontsize=9, handlelength=1)
    return figure


def to_data_uri(figure: Figure) -> str:
    """The figure as SVG within an address, for a page that loads nothing."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _tidy(axes: Any, keep: Sequence[str] = ()) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
        spine.set_color(LINE)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
