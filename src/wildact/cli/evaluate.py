"""``wildact evaluate``: how good two networks, and all between them, are on labelled videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from wildact.cli.run import choose_device, parse_fps

if TYPE_CHECKING:
    from wildact.evaluate import Scores

ROWS = (
    ("videos", "videos", "d"),
    ("animals", "animals", "d"),
    ("box AP50", "box_ap50", ".3f"),
    ("box AP", "box_ap", ".3f"),
    ("mask AP50", "mask_ap50", ".3f"),
    ("mask AP", "mask_ap", ".3f"),
    ("animals found", "found", ".3f"),
    ("false tracks", "false_tracks", "d"),
    ("species right", "species", ".3f"),
    ("ID F1", "idf1", ".3f"),
    ("HOTA", "hota", ".3f"),
    ("MOTA", "mota", ".3f"),
    ("seconds of action", "action_seconds", "d"),
    ("action top-1", "action_top1", ".3f"),
    ("action mean class", "action_mean_class", ".3f"),
)


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder of the labelled data set.")],
    detector: Annotated[
        str, typer.Option(help="A name, a weights file or a run folder.")
    ] = "maskrcnn_lite0_fpn",
    recognizer: Annotated[str, typer.Option(help="A name, a weights file or a run folder.")] = "lite0_tsm",
    fps: Annotated[str, typer.Option(help="Detect on so many frames per second; or 'all'.")] = "10",
    min_height: Annotated[float, typer.Option(min=0, help="Lower animals do not count, pixels.")] = 24,
    every: Annotated[int, typer.Option(min=1, help="Score every n-th video only.")] = 1,
    min_score: Annotated[
        float, typer.Option(help="Half of an animal's detections need this score, 0 to 1.")
    ] = 0.7,
    workers: Annotated[int, typer.Option(min=1, help="Videos analysed at the same time.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="JSON file for the scores.")] = None,
) -> None:
    """Score detector, tracks, species and actions on labelled videos, in all and by light."""
    from wildact.datasets import load_dataset
    from wildact.evaluate import evaluate_models, scores_to_json
    from wildact.pipeline import AnalysisSettings, load_models
    from wildact.record import save_json

    settings = AnalysisSettings(
        detector=detector,
        recognizer=recognizer,
        fps=parse_fps(fps),
        min_score=min_score,
        device=choose_device(device),
    )
    dataset = load_dataset(data)
    dataset = replace(dataset, videos=dataset.videos[::every])
    models = load_models(settings)
    console = Console(stderr=True)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
        task = progress.add_task("videos", total=len(dataset.videos))
        scores = evaluate_models(
            dataset,
            models,
            settings,
            min_height_px=min_height,
            workers=workers,
            on_video=lambda done, _: progress.update(task, completed=done),
        )
    if out is not None:
        save_json(
            out, {"models": models.facts(), "min_height_px": min_height, "scores": scores_to_json(scores)}
        )
    Console().print(_table(scores))


def _table(scores: dict[str, Scores]) -> Table:
    table = Table("", *scores, box=None, header_style="bold")
    for title, key, form in ROWS:
        table.add_row(title, *(format(getattr(values, key), form) for values in scores.values()))
    for action in scores["all"].action_recall:
        table.add_row(
            f"  {action}", *(format(values.action_recall[action], ".3f") for values in scores.values())
        )
    return table
