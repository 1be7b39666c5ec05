"""The benchmark that runs every recipe: what it plans, and the page that it writes; not the runs."""

import argparse
import json
from pathlib import Path

import pytest

from wildact.recipes import list_recipes, load_recipe
from wildact.train.schedule import iterate_learning_rates


@pytest.fixture
def bench(load_benchmark):
    return load_benchmark("recipes")


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Options of a run on a computer without any downloaded weights."""
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return argparse.Namespace(
        train=Path("data/train"), test=Path("data/test"), out=tmp_path / "out", minutes=5.0, every=3, jobs=1
    )


def overrides_of(commands):
    return [b for a, b in zip(commands.train, commands.train[1:], strict=False) if a == "--set"]


def test_every_recipe_has_one_plan_and_a_start_comes_first(bench):
    names = [plan.recipe for plan in bench.PLANS]
    assert sorted(names) == list_recipes()
    for plan in bench.PLANS:
        assert not plan.begin_with or names.index(plan.begin_with) < names.index(plan.recipe)


def test_a_run_of_some_recipes_writes_the_page(bench, tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(bench, "run_plans", lambda plans, options: asked.extend(plans) or {})
    arguments = ["--only", "lite0_tsm", "--out", str(tmp_path), "--page", str(tmp_path / "page.md")]
    monkeypatch.setattr("sys.argv", ["recipes.py", *arguments])
    bench.main()
    assert [plan.recipe for plan in asked] == ["lite0_tsm"]
    assert "python benchmarks/recipes.py --only lite0_tsm" in (tmp_path / "page.md").read_text()


def test_every_plan_is_a_valid_recipe_of_the_wanted_length(bench, options):
    for plan in bench.PLANS:
        recipe = load_recipe(plan.recipe, overrides_of(bench.make_commands(plan, options)))
        assert recipe.optimizer.epochs is None
        assert recipe.optimizer.iterations == round(300 / plan.cpu_s)
        full = load_recipe(plan.recipe).optimizer
        if recipe.optimizer.learning_rate != full.learning_rate:
            assert "learning rate in the same proportion" in plan.scaled
            scale = recipe.optimizer.batch_size / full.batch_size
            assert recipe.optimizer.learning_rate == pytest.approx(full.learning_rate * scale)
        assert recipe.model.initial not in ("coco", "kinetics400")  # there are no such weights here


@pytest.mark.parametrize(
    "name", ["r3d_18_schindler2021", "maskrcnn_schindler2021", "slowfast_schindler2021", "lite0_tsm"]
)
def test_a_scaled_schedule_is_the_same_curve(bench, name):
    per_epoch = 6
    full = list(iterate_learning_rates(load_recipe(name), per_epoch))
    iterations = len(full) // 2
    scaled = load_recipe(name, bench.scale_schedule(load_recipe(name), iterations))
    assert list(iterate_learning_rates(scaled, 99)) == pytest.approx(full[::2], rel=1e-6)


def test_what_is_missing_on_this_computer_is_replaced(bench, options):
    plans = {plan.recipe: plan for plan in bench.PLANS}
    start = str(options.out / "maskrcnn_schindler2021" / "best.safetensors")
    assert bench.choose_start(plans["r3d_18_schindler2021"], options.out) == ["model.initial=none"]
    assert bench.choose_start(plans["fgfa_schindler2021"], options.out) == [
        f"model.initial={start}", "model.architecture.frozen_norm=false", "model.architecture.flow=dis"
    ]  # fmt: skip
    for name in ("lite0_tsm", "r2plus1d_narrow", "slowfast_schindler2021", "fgfa_maskrcnn_lite0_fpn"):
        assert bench.choose_start(plans[name], options.out) == []


def save_run(bench, options, plan, scores):
    """A finished run, as far as the page needs it."""
    run, commands = options.out / plan.recipe, bench.make_commands(plan, options)
    bench.save_commands(run, commands, evaluated=True)
    cpu = {"model": "Abacus", "cores": 2, "threads": 4}
    versions = dict.fromkeys(("python", "torch", "torchvision", "av", "wildact"), "1.0")
    environment = {
        "cpu": cpu, "ram_gb": 8.0, "gpus": "none", "versions": versions,
        "source": {"commit": "abc123", "changed": False},
    }  # fmt: skip
    record = {
        "iterations": 30, "batch_size": {"total": 4}, "wall_s": 90.0, "waiting_share": 0.051,
        "environment": environment,
        "data": {"training": {"videos": 9, "sites": 3, "folder": "t", "facts": {}}},
    }  # fmt: skip
    (run / "record.json").write_text(json.dumps(record))
    (run / "metrics.csv").write_text("iteration,loss\n9,2.5\n19,2\n29,1.5\n")
    (run / "evaluation").mkdir()
    (run / "evaluation" / "scores.json").write_text(json.dumps(scores))


def test_the_page_says_what_the_files_say(bench, options):
    plans = {plan.recipe: plan for plan in bench.PLANS}
    scores = {
        "data": {"videos": 12},
        "scores": {"all": {"bout_top1": 0.51234, "bout_mean_class": 0.25}},
        "intervals": {"all": {"bout_top1": [0.4, 0.6], "bout_mean_class": [None, None]}},
        "confusion": {"all": {"bouts": [[3, 1, 0], [0, 1, 0], [0, 0, 0]]}},
    }
    save_run(bench, options, plans["r3d_18_schindler2021"], scores)
    rows = [bench.read_row(plans["r3d_18_schindler2021"], options.out, "")]
    rows.append(bench.read_row(plans["maskrcnn_schindler2021"], options.out, "no | space left"))
    assert bench.read_row(plans["lite0_tsm"], options.out, "") is None
    page = bench.make_page(rows, "python benchmarks/recipes.py --jobs 1")
    (row,) = (line for line in page.splitlines() if line.startswith("| r3d_18_schindler2021 | 0."))
    expected = [
        "r3d_18_schindler2021",
        "0.512 (0.40 to 0.60)",
        "0.250",
        "nothing",
        "30 × 4",
        "1.5 min",
        "5.1 %",
    ]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [*expected, "2.50 → 1.50"]
    assert "| maskrcnn_schindler2021 | failed: no \\| space left |" in page
    assert "SGD 0.001, ×0.1 every 10 epochs, 40 epochs × batch 24 | Kinetics-400 |" in page
    assert "guessing scores 0.500 in the mean over the 2 actions" in page
    assert "right for 0.800 of the 5 bouts" in page
    assert "Abacus, 2 cores, 4 threads" in page
    assert "commit abc123." in page


def test_a_finished_run_is_not_done_again_and_another_is_replaced(bench, options, monkeypatch):
    plan = next(plan for plan in bench.PLANS if plan.recipe == "lite0_tsm")
    called = []
    monkeypatch.setattr(bench, "call_wildact", lambda arguments, log: called.append(arguments[0]) or "")
    run, commands = options.out / plan.recipe, bench.make_commands(plan, options)
    save_run(bench, options, plan, {})
    assert bench.do_run(run, commands, None) == ""
    assert called == []
    other = bench.Commands(commands.train, (*commands.evaluate, "--seed", "1"))
    bench.do_run(run, other, None)
    assert called == ["evaluate"]
    bench.do_run(run, bench.Commands((*commands.train, "--set", "seed=1"), other.evaluate), None)
    assert called == ["evaluate", "train", "evaluate"]
    assert not (run / "record.json").exists()


def test_a_folder_of_something_else_is_left_alone(bench, options):
    run = options.out / "lite0_tsm"
    run.mkdir(parents=True)
    (run / "thesis.tex").write_text("")
    assert "no folder of this script" in bench.do_run(run, bench.Commands(("train",), ("evaluate",)), None)
    assert (run / "thesis.tex").exists()
