"""A model card for people, from a weights file's card and the record of its training.

Reference:
    Mitchell et al. 2019, Model Cards for Model Reporting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildact.weights.card import WeightCard

NOT_RECORDED = "not recorded"


def render_model_card(card: WeightCard, record: Mapping[str, Any] | None) -> str:
    """Markdown that says what a network is, what it was trained on, how, on what, and how well it does.

    Args:
        card: of the weights.
        record: of their training, as `wildact.train` writes it; what it lacks reads ``not recorded``.
    """
    facts = record or {}
    sections = [
        f"# {card.name} ({card.kind})",
        _table(_weights(card)),
        *_section("Training data", _data(facts, "training")),
        *_section("Validation data", _data(facts, "validation")),
        *_section("Training", _training(facts)),
        *_section("Hardware and software", _environment(facts)),
        *_section("Scores", _scores(card, facts)),
        *_recipe(facts),
    ]
    return "\n\n".join(sections) + "\n"


def _section(title: str, rows: Mapping[str, Any]) -> list[str]:
    return [f"## {title}", _table(rows) if rows else NOT_RECORDED]


def _table(rows: Mapping[str, Any]) -> str:
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(value: Any) -> str:
    """One line; a pipe would end the cell."""
    return " ".join(_text(value).split()).replace("|", "\\|")


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(v) for v in value)
    return NOT_RECORDED if value is None or value == "" else str(value)


def _find(facts: Mapping[str, Any], *path: str) -> Any:
    value: Any = facts
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _weights(card: WeightCard) -> dict[str, Any]:
    return {
        "classes": card.classes,
        "recipe": card.recipe,
        "trained on": card.trained_on,
        "licence": card.licence,
        "unknown below a probability of": card.min_probability or "none: all is named",
        "input": card.preprocessing or "as the network itself scales and normalises it",
        "architecture": card.architecture or "as published",
        "file": card.file,
        "sha256": card.sha256,
        "source": card.source or "trained by wildact",
        "notes": card.notes or "none",
    }


def _data(facts: Mapping[str, Any], part: str) -> dict[str, Any]:
    data = _find(facts, "data", part)
    if not isinstance(data, Mapping):
        return {"": data}
    return {
        "folder": data.get("folder"),
        "videos, sites, cameras": [data.get(key) for key in ("videos", "sites", "cameras")],
        "animals": data.get("tracks"),
        "seconds of actions": data.get("seconds"),
        "sha256": data.get("sha256"),
    }


def _training(facts: Mapping[str, Any]) -> dict[str, Any]:
    rates = _find(facts, "learning_rate")
    return {
        "initial weights": _find(facts, "initial"),
        "seed": _find(facts, "seed"),
        "batch size": _find(facts, "batch_size"),
        "learning rate applied": rates,
        "iterations": _find(facts, "iterations"),
        "wall time, seconds": _find(facts, "wall_s"),
        "samples per second": _find(facts, "samples_per_s"),
        "share of time waiting for samples": _find(facts, "waiting_share"),
    }


def _environment(facts: Mapping[str, Any]) -> dict[str, Any]:
    keys = {
        "processor": "cpu",
        "memory, GB": "ram_gb",
        "GPUs": "gpus",
        "CUDA": "cuda",
        "system": "os",
        "versions": "versions",
        "source": "source",
        "date": "date_utc",
    }
    return {title: _find(facts, "environment", key) for title, key in keys.items()}


def _scores(card: WeightCard, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those on the card; of validation, with the interval that holds 95 % of resamples by video."""
    own = {name: f"{value:.3f}" for name, value in card.scores.items()}
    validated = _find(facts, "scores")
    if not isinstance(validated, Mapping):
        return own
    for name, score in validated.items():
        if name == "iteration":
            own["iteration of these weights"] = str(score)
        elif isinstance(score, list) and None not in score:
            value, low, high = score
            own[f"validation/{name}"] = f"{value:.3f} ({low:.3f} to {high:.3f})"
    return own


def _recipe(facts: Mapping[str, Any]) -> list[str]:
    recipe = _find(facts, "recipe")
    if not isinstance(recipe, Mapping):
        return ["## Recipe", NOT_RECORDED]
    rows: dict[str, Any] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            rows |= {f"{key}.{name}": _plain(inner) for name, inner in value.items()}
        else:
            rows[key] = _plain(value)
    return ["## Recipe, with every default", _table(rows)]


def _plain(value: Any) -> str:
    return "none" if value is None or value in ({}, []) else str(value)
