"""``wildact evaluate``: how good a network, or two and all between them, are on labelled videos or images."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from wildact import defaults
from wildact.cli.run import (
    MinScoreOption,
    MirroredOption,
    NamerOption,
    SpeciesListOption,
    WindowOption,
    choose_device,
    parse_fps,
    parse_namer,
)
from wildact.errors import UsageError

if TYPE_CHECKING:
    from wildact.datasets import Dataset
    from wildact.evaluate import Evaluation, EvaluationSettings
    from wildact.pipeline import AnalysisSettings

ROWS = (
    "videos", "animals", "box_ap50", "box_ap50_of", "box_ap50_by_speed", "box_ap75", "box_ap", "mask_ap50",
    "mask_ap50_of", "mask_ap50_by_speed", "mask_ap75", "mask_ap", "found", "false_tracks", "species",
    "named", "names_right", "idf1", "hota", "mota",
    "action_seconds", "action_top1", "action_top1_answered", "action_top1_of_all", "action_top1_in_place",
    "action_mean_class", "action_recall", "video_map50", "frame_map50", "bouts", "bout_top1", "bout_top5",
    "bout_mean_class", "bout_recall",
)  # fmt: skip
"""Figures in the order of the printed table; those of classes become a row for each."""


def evaluate(
    data: Annotated[
        list[Path], typer.Option(help="Folder of labelled videos or images; may be given several times.")
    ],
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN_OR_CHECKPOINT]",
            help="Run folder, weights file or name of a detector or an action network; the other one is the "
            "bundled one. An action network is scored on the annotated tracks, too.",
        ),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="A name, a weights file or a run folder; else the bundled one.")
    ] = None,
    recognizer: Annotated[
        str | None, typer.Option(help="A name, a weights file or a run folder; else the bundled one.")
    ] = None,
    annotated_only: Annotated[
        bool, typer.Option("--annotated-only", help="Score the action network alone, without a detector.")
    ] = False,
    views: Annotated[int, typer.Option(min=1, help="Clips of each annotated bout that are averaged.")] = 1,
    crops: Annotated[int, typer.Option(help="Crops of each of these clips: 1, or 3 beside each other.")] = 1,
    fps: Annotated[str, typer.Option(help="Detect on so many frames per second; or 'all'.")] = "10",
    min_height: Annotated[float, typer.Option(min=0, help="Lower animals do not count, pixels.")] = 24,
    split: Annotated[
        str | None, typer.Option(help="Split to score, where data name splits; else 'test', or 'val'.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Score every n-th video only.")] = 1,
    min_score: MinScoreOption = None,
    namer: NamerOption = defaults.NAMER,
    species_list: SpeciesListOption = None,
    window: WindowOption = 10,
    mirrored: MirroredOption = True,
    resamples: Annotated[int, typer.Option(min=0, help="Of the videos, for the intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Videos analysed at the same time.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores, tables, pictures and a page; or a .json file.")
    ] = None,
) -> None:
    """Score detector, tracks, species and actions on labelled videos or images, with intervals."""
    from wildact.detect import WindowSettings
    from wildact.evaluate import EvaluationSettings, evaluate_models, save_evaluation
    from wildact.evaluate.files import prepare_output
    from wildact.pipeline import AnalysisSettings, load_models

    detector, recognizer, named = _choose(network, detector, recognizer)
    evaluation = EvaluationSettings(
        min_height_px=min_height,
        chain=not annotated_only,
        annotated=annotated_only or named == "recognizer",
        views=views,
        crops=crops,
        resamples=resamples,
        seed=seed,
    )
    if (views, crops) != (1, 1) and not evaluation.annotated:
        raise UsageError("--views and --crops are of an action network on annotated tracks: name its run.")
    settings = AnalysisSettings(
        detector=detector or defaults.DETECTOR,
        recognizer=recognizer or defaults.RECOGNIZER,
        namer=parse_namer(namer),
        species_list=species_list,
        fps=parse_fps(fps),
        min_score=min_score,
        device=choose_device(device),
        window=WindowSettings(radius=window),
        mirrored=mirrored,
    )
    if out is not None:
        prepare_output(out)
    dataset, splits = _load(data, split)
    dataset = replace(dataset, videos=dataset.videos[::every])
    models = load_models(settings)
    with Progress(
        *Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)
    ) as progress:
        task = progress.add_task("videos", total=len(dataset.videos))

        def tell(done: int, total: int) -> None:
            progress.update(task, completed=done)
            if done == total:
                progress.add_task("figures and intervals", total=None)

        result = evaluate_models(dataset, models, settings, evaluation, workers=workers, on_video=tell)
    if out is not None:
        facts = _facts(models.facts(), settings, evaluation, every)
        names = [folder.resolve().name for folder in data]
        facts["data"] = {"folder": " + ".join(names), "videos": len(dataset.videos), "splits": splits}
        save_evaluation(out, result, facts)
    console = Console()
    console.print(_table(result))
    for note in (*(f"{folder}: split {name}." for folder, name in splits.items()), *result.notes):
        console.print(note, markup=False)
    if out is not None and out.suffix != ".json":
        console.print(f"Open {out / 'evaluation.html'}", markup=False, highlight=False, soft_wrap=True)


def _load(folders: list[Path], split: str | None) -> tuple[Dataset, dict[str, str]]:
    """All data sets as one, and the split of each that names splits."""
    from wildact.datasets import join_datasets, load_dataset, select_split, select_test_split

    datasets, splits = [], {}
    for folder in folders:
        dataset = load_dataset(folder)
        if split is None:
            dataset, chosen = select_test_split(dataset)
        else:
            dataset = select_split(dataset, split)
            chosen = split if any(video.split is not None for video in dataset.videos) else None
        datasets.append(dataset)
        if chosen is not None:
            splits[str(folder)] = chosen
    return join_datasets(datasets), splits


def _choose(
    network: str | None, detector: str | None, recognizer: str | None
) -> tuple[str | None, str | None, str | None]:
    """Detector, recognizer, and which of them ``network`` is, as its card says."""
    from wildact.weights import find_weights

    if network is None:
        return detector, recognizer, None
    kind = str(find_weights(network, None)[1].kind)
    if kind not in ("detector", "recognizer"):
        raise UsageError(
            f"{network} is of the kind '{kind}'; name a detector or an action network (recognizer)."
        )
    if (detector if kind == "detector" else recognizer) is not None:
        raise UsageError(f"{network} is a {kind}, and --{kind} names another one; give one of them.")
    if kind == "detector":
        return network, recognizer, kind
    return detector, network, kind


def _facts(
    models: dict[str, dict[str, Any]],
    settings: AnalysisSettings,
    evaluation: EvaluationSettings,
    every: int,
) -> dict[str, Any]:
    """What a reader of the scores wants to know of how they were made."""
    from wildact.record import describe_environment

    used = ["recognizer"] if not evaluation.chain else list(models)
    return {
        "models": {part: models[part] for part in used},
        "min_height_px": evaluation.min_height_px,
        "settings": {
            "every": every,
            "fps": "all" if settings.fps is None else str(settings.fps),
            "min_score": settings.min_score,
            "namer": settings.namer,
            "species_list": None if settings.species_list is None else str(settings.species_list),
            "window": settings.window.radius,
            "mirrored": settings.mirrored,
            "min_height_px": evaluation.min_height_px,
            "views": evaluation.views,
            "crops": evaluation.crops,
            "resamples": evaluation.resamples,
            "seed": evaluation.seed,
        },
        "environment": describe_environment(),
    }


def _table(evaluation: Evaluation) -> Table:
    from wildact.evaluate.figures import TITLES, format_figure, format_interval
    from wildact.evaluate.plots import GROUP_NAMES

    groups = evaluation.groups
    table = Table("", "all", "95 %", *(GROUP_NAMES[name] for name in groups if name != "all"), box=None)
    total = groups["all"].figures
    for row in ROWS:
        for name in [name for name in total if name.split("/")[0] == row]:
            if row.endswith(("_of", "_by_speed")) and math.isnan(total[name].value):
                continue  # nothing of this class or speed
            title = TITLES[name][0] if name in TITLES else f"  {name.split('/', 1)[1]}"
            first, *others = (format_figure(name, scores.figures[name]) for scores in groups.values())
            table.add_row(escape(title), first, format_interval(name, total[name]), *others)
    return table
