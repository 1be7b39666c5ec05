"""The page that `recipes.py` writes, from the JSON files of runs: nothing is typed in by hand."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wildact.recipes import DetectionRecipe, RecognitionRecipe, load_recipe
from wildact.record import NOT_RECORDED
from wildact.weights import BEST_FILE

Recipe = DetectionRecipe | RecognitionRecipe

OF_DETECTORS = {"box_ap50": "box AP50", "mask_ap50": "mask AP50"}
OF_ACTIONS = {"bout_top1": "top-1", "bout_mean_class": "mean class"}
"""Figures of the scores, and their titles."""

STARTS = {"none": "nothing", "coco": "COCO", "kinetics400": "Kinetics-400", "imagenet": "ImageNet"}
PAGE = """\
# The recipes, end to end, at a reduced scale

This page is written by

```
{command}
```

Each recipe was trained for minutes on one core, on simulated videos, and then scored on simulated videos of
other sites. The figures show whether every recipe leads from data to a scored network with its card. They do
*not* show how good these networks get, nor which of them is best: each saw a small part of what its recipe
asks for, and those that start from nothing where their recipe starts from published weights lack these, too.
`fgfa_maskrcnn_lite0_fpn` goes on from the detector that was bundled then, so most of its scores are that
detector's, and not to be compared with the others.

{machines}

In brackets: 95 % intervals over videos ([evaluation.md](evaluation.md)). *Training* is wall time; *waiting*
is the share of it in which the network waited for samples, which the same process decoded and augmented
(`--workers 0`: nothing was decoded ahead). *Loss* is that of the first and of the last tenth of the log.

## Detectors

Average precision at an overlap of 0.5 on {detector_videos}.

{detectors}

## Action networks

Clips of the annotated tracks of {action_videos}.{chance}

{actions}

## What was scaled down

`..._schindler2021` have the settings of Schindler & Steinhage 2021, sections 4.3 and 4.4, where these state
them; `wildact recipes show NAME` prints the source of each number.

{settings}

## Commands

With `OMP_NUM_THREADS=1`:

```
{commands}
```
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What the page says of one recipe; without ``error``, all of it is known.

    Attributes:
        name: of the recipe.
        scaled: what is smaller, besides the number of iterations, as a sentence.
        commands: that were run, arguments of ``wildact``.
        recipe: as it was trained, changes included.
        record: of the training.
        scores: of the evaluation.
        losses: at the beginning and at the end of the training.
        error: why there is nothing.
    """

    name: str
    scaled: str
    commands: Sequence[Sequence[str]]
    recipe: Recipe
    record: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[float, float] | None = None
    error: str = ""


def read_losses(path: Path) -> tuple[float, float] | None:
    """Mean loss of the first and of the last tenth of the rows of a training's log."""
    with path.open(encoding="utf-8", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row.get("loss")]
    if not losses:
        return None
    count = max(1, len(losses) // 10)
    return sum(losses[:count]) / count, sum(losses[-count:]) / count


def describe(recipe: Recipe) -> list[str]:
    """Training, start and input."""
    return [describe_training(recipe), describe_start(recipe), describe_input(recipe)]


def describe_training(recipe: Recipe) -> str:
    """Optimiser, schedule and length of a recipe in a few words."""
    optimizer, schedule = recipe.optimizer, recipe.schedule
    words = [f"{optimizer.name.upper() if optimizer.name == 'sgd' else 'AdamW'} {optimizer.learning_rate:g}"]
    if schedule.name == "step":
        step, unit = schedule.step_iterations or schedule.step_epochs or 0, "iteration"
        unit = unit if schedule.step_iterations else "epoch"
        words.append(f"×{schedule.gamma:g} every {count(step, unit)}")
    else:
        words.append(schedule.name)
    if schedule.warmup_epochs:
        words.append(f"warm-up of {count(schedule.warmup_epochs, 'epoch')}")
    elif schedule.warmup_iterations:
        words.append(f"warm-up of {count(schedule.warmup_iterations, 'iteration')}")
    if optimizer.epochs:
        length = count(optimizer.epochs, "epoch")
    else:
        length = count(optimizer.iterations or 0, "iteration")
    return ", ".join([*words, f"{length} × batch {optimizer.batch_size}"])


def count(number: int, noun: str) -> str:
    """``1 epoch``, ``5 epochs``."""
    return f"{number} {noun}" + "s" * (number != 1)


def describe_input(recipe: Recipe) -> str:
    """What a network is shown."""
    if isinstance(recipe, RecognitionRecipe):
        data = recipe.data
        return f"{data.num_frames} frames of {data.size}×{data.size} px at {data.rate:g}/s"
    window = f", {1 + recipe.window.neighbours} of them" if recipe.window else ""
    flow = recipe.model.architecture.get("flow")
    return f"frames within {recipe.data.width}×{recipe.data.height} px{window}" + (
        f", flow by {flow}" if flow else ""
    )


def describe_start(recipe: Recipe) -> str:
    """What a training starts from."""
    initial = recipe.model.initial
    path = Path(initial)
    if path.name == BEST_FILE:
        return f"the run of {path.parent.name}"
    return STARTS.get(initial, initial)


def show_figure(scores: Mapping[str, Any], name: str) -> str:
    """``0.512 (0.41 to 0.60)``: a figure of all videos with its interval."""
    value, (low, high) = scores["scores"]["all"].get(name), scores["intervals"]["all"].get(name, (None, None))
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({low:.2f} to {high:.2f})" if low is not None else "")


def show_training(row: Row) -> list[str]:
    """What the training took and did: iterations, minutes, waiting, loss."""
    record = row.record
    waited = record["waiting_share"]
    return [
        f"{record['iterations']} × {record['batch_size']['total']}",
        f"{record['wall_s'] / 60:.1f} min",
        waited if waited == NOT_RECORDED else f"{100 * waited:.1f} %",
        "–" if row.losses is None else f"{row.losses[0]:.2f} → {row.losses[1]:.2f}",
    ]


def make_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def make_results(rows: Sequence[Row], figures: Mapping[str, str]) -> str:
    """The table of one kind of network."""
    header = ["recipe", *figures.values(), "start", "iterations × batch", "training", "waiting", "loss"]
    lines = []
    for row in rows:
        if row.error:
            lines.append([row.name, f"failed: {row.error}", *[""] * (len(header) - 2)])
            continue
        values = [show_figure(row.scores, name) for name in figures]
        lines.append([row.name, *values, describe_start(row.recipe), *show_training(row)])
    return make_table(header, lines)


def make_settings(rows: Sequence[Row]) -> str:
    """The table of what recipes ask for, and what was done."""
    header = ("recipe", "training", "start", "input", "here: training", "start", "input", "smaller, too")
    return make_table(
        header,
        [[r.name, *describe(load_recipe(r.name)), *describe(r.recipe), r.scaled] for r in rows],
    )


def describe_chance(rows: Sequence[Row]) -> str:
    """What guessing would score, from the labels that the action networks were scored on."""
    if not rows:
        return ""
    bouts = [sum(counts) for counts in rows[0].scores["confusion"]["all"]["bouts"]]
    classes = sum(total > 0 for total in bouts)
    return (
        f" Chance: guessing scores {1 / classes:.3f} in the mean over the {classes} actions; always saying "
        f"the most frequent one is right for {max(bouts) / sum(bouts):.3f} of the {sum(bouts)} bouts."
    )


def describe_runs(rows: Sequence[Row]) -> str:
    """Machine, software, code and data of all records; one line for each of a kind that differs."""
    lines: dict[str, None] = {}  # each once
    for row in rows:
        machine, training = row.record["environment"], row.record["data"]["training"]
        cpu, source, versions = machine["cpu"], machine["source"], machine["versions"]
        gpus = machine["gpus"] if isinstance(machine["gpus"], str) else "not used"
        commit = source if isinstance(source, str) else source["commit"] + " with changes" * source["changed"]
        software = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "torchvision", "av"))
        described = training["facts"].get("description", training["folder"])
        lines |= dict.fromkeys(
            (
                f"- Machine: {cpu['model']}, {cpu['cores']} cores, {cpu['threads']} threads, "
                f"{machine['ram_gb']:g} GB; GPUs: {gpus}. Each training had one thread.",
                f"- Software: {software}; wildact {versions['wildact']}, commit {commit}.",
                f"- Trained on {training['videos']} videos of {training['sites']} sites: {described}.",
            )
        )
    return "\n".join(sorted(lines))


def describe_videos(rows: Sequence[Row]) -> str:
    """How many videos the figures are from."""
    counts = sorted({row.scores["data"]["videos"] for row in rows})
    return " or ".join(count(videos, "test video") for videos in counts) or "no test video"


def make_page(rows: Sequence[Row], command: str) -> str:
    """The page.

    Args:
        rows: of all recipes that were run.
        command: that ran them.
    """
    detectors = [row for row in rows if isinstance(row.recipe, DetectionRecipe)]
    actions = [row for row in rows if isinstance(row.recipe, RecognitionRecipe)]
    scored = [[row for row in kind if not row.error] for kind in (detectors, actions)]
    commands = [shlex.join(["wildact", *part]) for row in rows for part in row.commands]
    return PAGE.format(
        command=command,
        machines=describe_runs([row for kind in scored for row in kind]),
        detector_videos=describe_videos(scored[0]),
        detectors=make_results(detectors, OF_DETECTORS),
        action_videos=describe_videos(scored[1]),
        chance=describe_chance(scored[1]),
        actions=make_results(actions, OF_ACTIONS),
        settings=make_settings(rows),
        commands="\n".join(commands),
    )
