"""Does every recipe lead from labelled videos to a scored network? Trains all of them for some minutes each.

For each recipe a process with one thread runs ``wildact train`` at a reduced scale, and then ``wildact
evaluate``; ``--jobs`` of them run side by side. Detectors are scored on every ``--every``-th test video,
action networks on the annotated tracks of all. ``--page`` is then written from the JSON files in ``--out``.

`PLANS` says how much each recipe is scaled down. The number of iterations is what ``--minutes`` allow at the
CPU time per iteration that is noted there; the schedule keeps its proportions. Published weights (``wildact
models download``) are used where they are on this computer; else a training starts from nothing, or from the
run of another recipe, and the page says so.

A run that is finished, by the same commands, is not done again, an interrupted one goes on, and one by other
commands is replaced. One that fails is named on the page with its last words, and the others go on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipes_page import Recipe, Row, make_page, read_losses

from wildact.atomic import replacing
from wildact.errors import WildactError
from wildact.recipes import DetectionRecipe, list_recipes, load_recipe
from wildact.weights import BEST_FILE, PUBLISHED, find_weights

COMMANDS_FILE, RECORD_FILE, EVALUATION = "commands.json", "record.json", "evaluation"
SMALL_FRAMES = (
    "data.width=320", "data.height=180",
    "model.architecture.short_side=180", "model.architecture.long_side=320",
)  # fmt: skip
SMALL_CLIPS = ("data.size=56", "optimizer.batch_size=4")
SMALL_CLIPS_SAID = "Clips of 56 px instead of 112, batch 4 instead of 24."
LIVE_NORM = ("model.architecture.frozen_norm=false",)
SEE_SPARSELY, SEE_NEIGHBOURS = ("--fps", "2"), ("--fps", "5")
"""Average precision is scored on two frames per second. FGFA should also see those around them, for which one
core is too slow with a ResNet-50: seconds for each frame.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a recipe is scaled down.

    Attributes:
        recipe: its name.
        cpu_s: of one core per iteration, with these overrides; measured on an AMD EPYC.
        scaled: what is smaller, besides the number of iterations, as a sentence.
        overrides: of the recipe.
        evaluate: options of ``wildact evaluate`` for a detector.
        begin_with: recipe whose run is the start where the recipe's own initial weights are not here.
        from_scratch: further overrides where they are not here.
    """

    recipe: str
    cpu_s: float
    scaled: str
    overrides: tuple[str, ...] = ()
    evaluate: tuple[str, ...] = ()
    begin_with: str = ""
    from_scratch: tuple[str, ...] = ()


PLANS = (
    Plan(
        "maskrcnn_schindler2021", 2.3, "Frames of 320 px instead of 1333, batch 1 instead of 2.",
        (*SMALL_FRAMES, "optimizer.batch_size=1"), SEE_SPARSELY, from_scratch=LIVE_NORM,
    ),
    Plan("maskrcnn_lite0_fpn", 2.3, "Nothing else.", (), SEE_SPARSELY),
    Plan("r3d_18_schindler2021", 2.7, SMALL_CLIPS_SAID, SMALL_CLIPS),
    Plan(
        "fgfa_schindler2021", 3.9, "Frames of 320 px instead of 1333.", SMALL_FRAMES, SEE_SPARSELY,
        begin_with="maskrcnn_schindler2021", from_scratch=LIVE_NORM,
    ),
    Plan("mc3_18_schindler2021", 2.5, SMALL_CLIPS_SAID, SMALL_CLIPS),
    Plan("r2plus1d_18_schindler2021", 5.2, SMALL_CLIPS_SAID, SMALL_CLIPS),
    Plan(
        "slowfast_schindler2021", 2.1,
        "Clips of 64 px instead of 224, batch 4 instead of 64, and the learning rate in the same proportion.",
        (
            "data.size=64", "model.architecture.crop_size=64", "optimizer.batch_size=4",
            "optimizer.learning_rate=0.00625",
        ),
    ),
    Plan("lite0_tsm", 1.4, "Batch 16 instead of 48.", ("optimizer.batch_size=16",)),
    Plan("r2plus1d_narrow", 1.2, "Clips of 64 px instead of 96.", ("data.size=64",)),
    Plan("fgfa_maskrcnn_lite0_fpn", 3.9, "Nothing else.", (), SEE_NEIGHBOURS),
)  # fmt: skip
"""In the order in which they are run: a start comes before what begins with it."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What a run is done by: arguments of ``wildact``."""

    train: tuple[str, ...]
    evaluate: tuple[str, ...]


def scale_schedule(recipe: Recipe, iterations: int) -> list[str]:
    """Overrides by which a recipe takes so many iterations, its schedule in the same proportions."""
    schedule, epochs = recipe.schedule, recipe.optimizer.epochs
    length = epochs or recipe.optimizer.iterations or iterations
    overrides = ["optimizer.epochs="] if epochs else []
    overrides.append(f"optimizer.iterations={iterations}")
    if schedule.step_epochs:
        step = max(1, round(iterations * schedule.step_epochs / length))
        overrides += ["schedule.step_epochs=", f"schedule.step_iterations={step}"]
    if warmup := schedule.warmup_epochs or schedule.warmup_iterations:
        overrides += ["schedule.warmup_epochs="] if schedule.warmup_epochs else []
        overrides.append(f"schedule.warmup_iterations={round(iterations * warmup / length)}")
    return overrides


def choose_start(plan: Plan, out: Path) -> list[str]:
    """Overrides for what this computer has no weights for."""
    model = load_recipe(plan.recipe).model
    overrides = []
    if model.initial not in ("none", "imagenet") and not is_here(
        model.name if model.initial in PUBLISHED else model.initial
    ):
        start = str(out / plan.begin_with / BEST_FILE) if plan.begin_with else "none"
        overrides += [f"model.initial={start}", *plan.from_scratch]
    flow = str(model.architecture.get("flow", "dis"))
    if flow != "dis" and not is_here(flow):  # an untrained flow network would be noise
        overrides.append("model.architecture.flow=dis")
    return overrides


def is_here(weights: str) -> bool:
    """Whether weights are on this computer."""
    try:
        find_weights(weights, None)
    except WildactError:
        return False
    return True


def make_commands(plan: Plan, options: argparse.Namespace) -> Commands:
    """What has to be run for a recipe."""
    recipe, run = load_recipe(plan.recipe), options.out / plan.recipe
    iterations = max(1, round(60 * options.minutes / plan.cpu_s))
    overrides = [
        *scale_schedule(recipe, iterations), *plan.overrides, *choose_start(plan, options.out)
    ]  # fmt: skip
    train = ["train", plan.recipe, "--data", str(options.train), "--out", str(run), "--workers", "0"]
    train += [part for override in overrides for part in ("--set", override)]
    evaluate = ["evaluate", str(run), "--data", str(options.test), "--out", str(run / EVALUATION)]
    if isinstance(recipe, DetectionRecipe):
        evaluate += ["--every", str(options.every), *plan.evaluate]
    else:
        evaluate.append("--annotated-only")
    return Commands((*train, "--device", "cpu"), (*evaluate, "--device", "cpu"))


def do_run(run: Path, commands: Commands, after: Future[str] | None) -> str:
    """Train and evaluate what is not done yet.

    Returns:
        what went wrong; empty if nothing did.
    """
    if after is not None:
        after.result()
    done = read_json(run / COMMANDS_FILE)
    if run.exists() and not done:
        return f"{run} is no folder of this script; choose another --out"
    if done and done.get("train") != list(commands.train):
        shutil.rmtree(run)
        done = {}
    if not (done and (run / RECORD_FILE).is_file()):
        save_commands(run, commands, evaluated=False)
        if error := call_wildact(commands.train, run / "train.log"):
            return error
        done = {}
    if done.get("evaluate") == list(commands.evaluate) and done.get("evaluated"):
        return ""
    error = call_wildact(commands.evaluate, run / "evaluate.log")
    save_commands(run, commands, evaluated=not error)
    return error


def save_commands(run: Path, commands: Commands, *, evaluated: bool) -> None:
    """Note how a run is made, and how far it has got."""
    run.mkdir(parents=True, exist_ok=True)
    values = {"train": commands.train, "evaluate": commands.evaluate, "evaluated": evaluated}
    with replacing(run / COMMANDS_FILE) as part:
        part.write_text(json.dumps(values, indent=1), encoding="utf-8")


def call_wildact(arguments: Sequence[str], log: Path) -> str:
    """Run a command with one thread; its last words where it fails."""
    print(f"{log.parent.name}: {arguments[0]}", flush=True)
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(
            [sys.executable, "-m", "wildact", *arguments],
            stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        ).returncode  # fmt: skip
    if not code:
        return ""
    words = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    error = next((line for line in reversed(words) if any(map(str.isalnum, line))), f"exit code {code}")
    print(f"{log.parent.name}: {error}", flush=True)
    return error


def run_plans(plans: Sequence[Plan], options: argparse.Namespace) -> dict[str, str]:
    """Run side by side; recipe to what went wrong."""
    with ThreadPoolExecutor(options.jobs) as pool:
        runs: dict[str, Future[str]] = {}
        for plan in plans:
            # its start was begun before, so waiting for it cannot last for ever
            after = runs.get(plan.begin_with)
            run, commands = options.out / plan.recipe, make_commands(plan, options)
            runs[plan.recipe] = pool.submit(do_run, run, commands, after)
        return {name: future.result() for name, future in runs.items()}


def read_row(plan: Plan, out: Path, error: str) -> Row | None:
    """What is known of a recipe; None where it was never run."""
    run = out / plan.recipe
    done = read_json(run / COMMANDS_FILE)
    if not done and not error:
        return None
    commands = [done[part] for part in ("train", "evaluate") if part in done]
    train = done.get("train", ())
    changes = [value for flag, value in itertools.pairwise(train) if flag == "--set"]
    row = Row(plan.recipe, plan.scaled, commands, load_recipe(plan.recipe, changes))
    record, scores = read_json(run / RECORD_FILE), read_json(run / EVALUATION / "scores.json")
    if error or not (record and scores and done.get("evaluated")):
        return replace(row, error=error or "interrupted")
    return replace(row, record=record, scores=scores, losses=read_losses(run / "metrics.csv"))


def read_json(path: Path) -> dict[str, Any]:
    """A file's values; none where there is no such file."""
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def main() -> None:
    names = [plan.recipe for plan in PLANS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, default=Path("data/train"), help="labelled videos to train on")
    parser.add_argument("--test", type=Path, default=Path("data/test"), help="labelled videos of other sites")
    parser.add_argument("--out", type=Path, default=Path("runs/results"), help="folder of the runs")
    parser.add_argument("--page", type=Path, default=Path("docs/results.md"), help="where the results go")
    parser.add_argument("--minutes", type=float, default=5.0, help="CPU time of each training")
    parser.add_argument("--every", type=int, default=3, help="detectors: score every n-th test video")
    parser.add_argument("--jobs", type=int, default=2, help="recipes at a time, one core each")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help="recipes to run"
    )
    options = parser.parse_args()
    if missing := set(list_recipes()) - {*names}:
        raise SystemExit(f"no plan for the recipes {', '.join(sorted(missing))}")
    errors = run_plans([plan for plan in PLANS if plan.recipe in options.only], options)
    rows = [read_row(plan, options.out, errors.get(plan.recipe, "")) for plan in PLANS]
    command = shlex.join(["python", "benchmarks/recipes.py", *sys.argv[1:]])
    with replacing(options.page) as part:
        part.write_text(make_page([row for row in rows if row], command), encoding="utf-8")
    print(options.page)
    if any(errors.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
