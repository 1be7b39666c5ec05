"""One self-contained page about an evaluation: main figures, plots, tables, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wildact.evaluate import plots
from wildact.evaluate.figures import TITLES, Figure, GroupScores, format_figure, format_interval
from wildact.evaluate.run import Evaluation
from wildact.metrics import SPEEDS
from wildact.metrics.bootstrap import CONFIDENCE
from wildact.metrics.motion import FAST, SLOW

MAIN = ("box_ap50", "mask_ap50", "hota", "action_top1_of_all", "video_map50", "bout_top1", "bout_mean_class")
OF_SPECIES = {
    "box AP": "box_ap_of",
    "box AP50": "box_ap50_of",
    "mask AP": "mask_ap_of",
    "mask AP50": "mask_ap50_of",
}
OF_SPEEDS = {
    "true boxes": "box_truth_by_speed",
    "box AP50": "box_ap50_by_speed",
    "box AP": "box_ap_by_speed",
    "mask AP50": "mask_ap50_by_speed",
    "mask AP": "mask_ap_by_speed",
}
SPEED_NOTE = (
    "By how much a true box overlaps the animal's own boxes within a third of a second before and after, on "
    f"average: slow above {SLOW}, fast below {FAST}."
)
OF_ACTIONS = {
    "recall, seconds": "action_recall",
    "precision, seconds": "action_precision",
    "video-mAP50": "video_map50_of",
    "frame-mAP50": "frame_map50_of",
    "recall, bouts": "bout_recall",
    "precision, bouts": "bout_precision",
}


def render_page(evaluation: Evaluation, facts: Mapping[str, Any]) -> str:
    """The page as HTML; pictures are within it, nothing is loaded from elsewhere.

    Args:
        evaluation: the scores.
        facts: ``models``, ``settings``, ``data`` and ``environment`` are shown.
    """
    groups, total = evaluation.groups, evaluation.groups["all"]
    environment = facts.get("environment", {})
    return (
        _environment()
        .get_template("evaluation.html.j2")
        .render(
            data=facts.get("data", {}),
            date=environment.get("date_utc", "")[:10],
            version=environment.get("versions", {}).get("wildact", ""),
            main=[_main(name, total.figures[name]) for name in MAIN if name in total.figures],
            notes=evaluation.notes,
            groups=[plots.GROUP_NAMES[group] for group in groups],
            figures=[_row(name, groups.values()) for name in TITLES if name in total.figures],
            by_group=plots.to_data_uri(plots.draw_groups(groups)),
            curves=_curves(total, evaluation.species),
            confusions=[
                (title, plots.to_data_uri(plots.draw_confusion(table, evaluation.actions, unit=unit)))
                for title, unit, table in (
                    ("Whole chain, seconds of followed animals", "seconds", total.seconds),
                    ("Action network alone, annotated bouts", "bouts", total.bouts),
                )
                if table is not None
            ],
            by_class={
                "Speed of the animal": _by_speed(groups),
                "Species": _by_class(total, evaluation.species, OF_SPECIES),
                "Actions": _by_class(total, evaluation.actions, OF_ACTIONS),
            },
            models=facts.get("models", {}),
            settings=facts.get("settings", {}),
            confidence=f"{100 * CONFIDENCE:.0f} %",
        )
    )


def _environment() -> Environment:
    """Names come from strangers: everything is escaped."""
    return Environment(
        loader=PackageLoader("wildact.evaluate", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _curves(scores: GroupScores, species: Sequence[str]) -> str:
    return plots.to_data_uri(plots.draw_curves(scores.curves, species)) if scores.curves else ""


def _main(name: str, figure: Figure) -> dict[str, str]:
    return {"title": TITLES[name][0], **_cell(name, figure)}


def _cell(name: str, figure: Figure) -> dict[str, str]:
    return {"value": format_figure(name, figure), "interval": format_interval(name, figure)}


def _row(name: str, groups: Any) -> dict[str, Any]:
    title, meaning = TITLES[name]
    return {
        "title": title,
        "meaning": meaning,
        "cells": [_cell(name, scores.figures[name]) for scores in groups],
    }


def _by_speed(groups: Mapping[str, GroupScores]) -> dict[str, Any]:
    """A table of the speeds among all videos, then in each light."""
    tables = {group: _by_class(scores, SPEEDS, OF_SPEEDS) for group, scores in groups.items()}
    for group, table in tables.items():
        for row in table["rows"]:
            row["title"] += "" if group == "all" else f", {plots.GROUP_NAMES[group]}"
    return {
        "note": SPEED_NOTE,
        "columns": tables["all"]["columns"],
        "rows": [row for table in tables.values() for row in table["rows"]],
    }


def _by_class(scores: GroupScores, classes: Sequence[str], columns: Mapping[str, str]) -> dict[str, Any]:
    """A table of the figures of each class, with those columns that were scored."""
    known = {
        title: name
        for title, name in columns.items()
        if any(f"{name}/{c}" in scores.figures for c in classes)
    }
    return {
        "note": "",
        "columns": list(known),
        "rows": [
            {"title": c, "cells": [_cell(name, scores.figures[f"{name}/{c}"]) for name in known.values()]}
            for c in classes
        ],
    }
