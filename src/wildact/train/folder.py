"""The folder of a training run: its files beside the weights, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wildact.atomic import replacing
from wildact.errors import OutputError
from wildact.record import save_json
from wildact.weights import BEST_FILE, WeightCard, render_model_card, save_record

LAST_FILE, RECORD_FILE, CARD_FILE = "last.safetensors", "record.json", "MODEL_CARD.md"


def make_folder(out: Path) -> None:
    """Make the folder of a run, where it is not there yet.

    Raises:
        OutputError: if that is impossible.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made ({error.strerror}); choose another folder.") from error


def finish_folder(out: Path, record: Mapping[str, Any]) -> WeightCard:
    """Write the record of a run, put it into the best weights, and write the model card.

    Args:
        out: holds the best weights.
        record: plain JSON values.

    Returns:
        The card of the best weights.
    """
    save_json(out / RECORD_FILE, record)
    card = save_record(out / BEST_FILE, record)
    with replacing(out / CARD_FILE) as part:
        part.write_text(render_model_card(card, record), encoding="utf-8")
    return card
