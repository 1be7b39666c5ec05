"""One video's time line: a lane for each animal, coloured by what it does."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from wildact.atomic import replacing
from wildact.export.colors import result_hex
from wildact.types import UNKNOWN, Bool, Int64, VideoResult

LIGHT_NAMES = {"day": "day", "dusk": "dusk", "ir": "infrared"}
GREY = "#5f6670"

SIMULATED_NOTE = "actions: by a network trained on simulated clips; check them"

WIDE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip
"""For names in letters that matplotlib's own font lacks; those of them that are installed are used."""


def save_ethogram(path: Path, result: VideoResult, *, title: str) -> None:
    """Save the ethogram of a video as PNG.

    Each lane spans the time an animal was followed; below its bouts a thin line is dark where it was seen
    and pale where it was not.

    Args:
        path: of the file.
        result: of the video.
        title: above the plot, usually the video's name.

    Raises:
        OutputError: if the file cannot be written.
    """
    installed = font_manager.fontManager.get_font_names()
    fonts = ["DejaVu Sans", *(name for name in WIDE_FONTS if name in installed)]
    with warnings.catch_warnings(), matplotlib.rc_context({"font.family": fonts}):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box is drawn, and that will do
        figure = _draw(result, title)
        with replacing(path) as part:
            figure.savefig(part, format="png")


def _draw(result: VideoResult, title: str) -> Figure:
    lanes = max(1, len(result.tracks))
    figure = Figure(figsize=(9, 1.25 + 0.42 * lanes), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    duration_s = float(result.info.duration or 0)
    colors = result_hex(result)
    for row, track in enumerate(result.tracks):
        for bout in result.bouts:
            if bout.track_id == track.track_id:
                axes.broken_barh(
                    [(bout.start_s, bout.duration_s)],
                    (row - 0.32, 0.5),
                    color=colors[bout.action],
                    linewidth=0,
                )
        first, last = int(track.frames[0]), int(track.frames[-1])
        times = result.times_s[first : last + 1]
        axes.plot(
            times, np.full(len(times), row + 0.3), color="#d5d9de", linewidth=1.6, solid_capstyle="butt"
        )
        seen = np.where(_seen(result, track.frames[track.observed], first, last), row + 0.3, np.nan)
        axes.plot(times, seen, color="#30363d", linewidth=1.6, solid_capstyle="butt")
    axes.set_yticks(range(len(result.tracks)), [f"#{t.track_id} {t.label}" for t in result.tracks])
    axes.set_ylim(lanes - 0.45, -0.55)
    axes.set_xlim(0, max(duration_s, 0.1))
    axes.xaxis.set_major_formatter(FuncFormatter(_clock if duration_s >= 120 else _seconds))
    axes.set_title(f"{title}   ({LIGHT_NAMES[result.light]})", loc="left", fontsize=10, parse_math=False)
    axes.tick_params(length=0, labelsize=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c3c8ce")
    if not result.tracks:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no animal found", transform=axes.transAxes, ha="center", va="center", color=GREY)
    _legend(figure, result, colors)
    return figure


def _seen(result: VideoResult, observed: Int64, first: int, last: int) -> Bool:
    """On which frames from ``first`` to ``last`` an animal was seen, by the frames on which it was detected.

    Between two detections that follow each other on the detector's own clock, it was seen.
    """
    seen = np.zeros(last + 1 - first, bool)
    seen[observed - first] = True
    places = np.searchsorted(result.detected, observed)
    for k in np.flatnonzero(np.diff(places) == 1):
        seen[observed[k] - first : observed[k + 1] - first] = True
    return seen


def _legend(figure: Figure, result: VideoResult, colors: Mapping[str, str]) -> None:
    actions = sorted({bout.action for bout in result.bouts}, key=lambda name: (name == UNKNOWN, name))
    recognizer = result.models.get("recognizer", {})
    if actions:
        patches = [Patch(color=colors[action], label=action) for action in actions]
        figure.legend(
            handles=patches,
            loc="outside lower left",
            ncols=min(7, len(patches)),
            frameon=False,
            title=SIMULATED_NOTE if recognizer.get("trained_on_simulation") else None,
            title_fontsize=8,
            alignment="left",
            fontsize=9,
            handlelength=1,
        )


def _seconds(value: float, _: int) -> str:
    return f"{value:g} s"


def _clock(value: float, _: int) -> str:
    return f"{int(value) // 60}:{int(value) % 60:02d}"
