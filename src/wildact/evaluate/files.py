"""The results of an evaluation as files: JSON, CSV, pictures and the page, each whole or not at all."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wildact.atomic import replacing
from wildact.errors import OutputError
from wildact.evaluate.figures import CURVE_IOUS, WHOLE, GroupScores
from wildact.evaluate.matches import MATCHES, collect_matches, save_matches
from wildact.evaluate.page import render_page
from wildact.evaluate.plots import draw_confusion
from wildact.evaluate.run import Evaluation
from wildact.metrics import RECALLS
from wildact.record import save_json

CSV_COLUMNS = ("group", "metric", "value", "low", "high")


def prepare_output(out: Path) -> None:
    """Make the folder for the results before the work begins, so that a wrong path is told at once.

    Args:
        out: a ``.json`` file, or a folder.

    Raises:
        OutputError: if the folder cannot be made.
    """
    folder = out.parent if out.suffix == ".json" else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); choose another folder.") from error


def save_evaluation(out: Path, evaluation: Evaluation, facts: Mapping[str, Any]) -> None:
    """Write the results.

    Args:
        out: a ``.json`` file, which is all that is written then; or a folder for ``scores.json``,
            ``scores.csv``, ``matches.npz``, ``confusion_seconds.png``, ``confusion_bouts.png`` and
            ``evaluation.html``.
        evaluation: the scores.
        facts: what else is known: ``models``, ``settings``, ``data``, ``environment``, ``min_height_px``.

    Raises:
        OutputError: if a file cannot be written.
    """
    if out.suffix == ".json":
        save_json(out, to_json(evaluation, facts))
        return
    save_json(out / "scores.json", to_json(evaluation, facts))
    save_csv(out / "scores.csv", evaluation)
    matches = collect_matches(evaluation.videos, evaluation.species, evaluation.min_height_px)
    if matches is not None:
        save_matches(out / MATCHES, matches)
    else:
        (out / MATCHES).unlink(missing_ok=True)  # of an earlier evaluation of something else
    total = evaluation.groups["all"]
    for name, table in (("seconds", total.seconds), ("bouts", total.bouts)):
        path = out / f"confusion_{name}.png"
        if table is not None:
            figure = draw_confusion(table, evaluation.actions, unit=name)
            with replacing(path) as part:
                figure.savefig(part, format="png", dpi=150)
        else:
            path.unlink(missing_ok=True)
    with replacing(out / "evaluation.html") as part:
        part.write_text(render_page(evaluation, facts), encoding="utf-8")


def save_csv(path: Path, evaluation: Evaluation) -> None:
    """Write one row for each figure of each group; what is unknown is empty."""
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for group, scores in evaluation.groups.items():
            for metric, figure in scores.figures.items():
                row = (plain(metric.split("/")[0], figure.value), figure.low, figure.high)
                writer.writerow([group, metric, *("" if math.isnan(value) else value for value in row)])


def to_json(evaluation: Evaluation, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, as plain values."""
    groups = evaluation.groups
    return {
        **facts,
        "scores": scores_to_json(evaluation),
        "intervals": {
            group: _nest(scores, lambda _, figure: [figure.low, figure.high])
            for group, scores in groups.items()
        },
        "confusion": {
            group: {
                "actions": list(evaluation.actions),
                "columns": [*evaluation.actions, "none of them"],
                "seconds": scores.seconds,
                "bouts": scores.bouts,
            }
            for group, scores in groups.items()
        },
        "precision_recall": {
            "recall": RECALLS,
            **{
                f"{kind}_{round(100 * iou)}": dict(zip(evaluation.species, curves, strict=True))
                for kind, of_ious in groups["all"].curves.items()
                for iou, curves in zip(CURVE_IOUS, of_ious, strict=True)
            },
        },
        "notes": list(evaluation.notes),
    }


def scores_to_json(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Group to figure to value; figures of classes are within a table of their own: ``action_recall``."""
    return {
        group: _nest(scores, lambda name, figure: plain(name, figure.value))
        for group, scores in evaluation.groups.items()
    }


def plain(name: str, value: float) -> float | int:
    """Whole numbers as such."""
    return int(value) if name in WHOLE and not math.isnan(value) else value


def _nest(scores: GroupScores, show: Any) -> dict[str, Any]:
    """``name/CLASS`` within ``name``."""
    nested: dict[str, Any] = {}
    for name, figure in scores.figures.items():
        metric, _, of = name.partition("/")
        if of:
            nested.setdefault(metric, {})[of] = show(metric, figure)
        else:
            nested[metric] = show(metric, figure)
    return nested
