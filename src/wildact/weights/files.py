"""Save and load weights files with their cards; nothing in a file is ever run.

A weights file is a ``.safetensors`` file that carries its card in its own header, so one file alone can
be loaded; beside it ``<stem>.json`` shows the same card to people and holds the file's checksum.
Files of other libraries are read too, as plain tensors only; see `wildact.weights.foreign`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wildact.errors import OutputError, UsageError, WeightsError
from wildact.weights.card import WeightCard
from wildact.weights.foreign import FOREIGN_SUFFIXES, load_foreign_state
from wildact.weights.known import DOWNLOADABLE
from wildact.weights.slowfast_layouts import convert_slowfast_state

_CARD_KEY, _RECORD_KEY = "wildact_card", "wildact_record"
_LAYOUTS: dict[str, Callable[[Mapping[str, Tensor]], dict[str, Tensor]]] = {
    "slowfast_r50": convert_slowfast_state,
}
"""Networks that others publish under names of their own, and what turns them into wildact's."""

_logger = logging.getLogger(__name__)


def save_weights(
    path: Path,
    state: Mapping[str, Tensor],
    card: WeightCard,
    *,
    dtype: torch.dtype | None = None,
    record: Mapping[str, Any] | None = None,
) -> WeightCard:
    """Write weights with their card inside, and the card once more as ``<stem>.json``.

    Args:
        path: ends in ``.safetensors``.
        state: of the network, as ``module.state_dict()`` gives it; any device.
        card: what they are; its ``file``, ``sha256`` and ``size_bytes`` are filled in here.
        dtype: store kernels and matrices as this type, e.g. ``torch.float16``. Vectors (biases, statistics
            of normalization) keep theirs: they are small, and half precision would round variances to 0.
        record: how they came about, to be carried in the file; see `read_record`.

    Returns:
        The card with file, checksum and size.

    Raises:
        UsageError: if the path does not end in ``.safetensors``.
        WeightsError: if a value is not finite in the type it is stored in.
        OutputError: if the file cannot be written.
    """
    if path.suffix != ".safetensors":
        raise UsageError(f"{path}: weights are saved as .safetensors, name the file so")
    card = card.model_copy(update={"file": path.name, "sha256": "", "size_bytes": 0})
    tensors = {name: _stored(name, tensor, dtype) for name, tensor in state.items()}
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"format": "pt", _CARD_KEY: card.model_dump_json()}
        if record is not None:
            facts[_RECORD_KEY] = json.dumps(record)
        save_file(tensors, part, metadata=facts)
        card = card.model_copy(update={"sha256": compute_sha256(part), "size_bytes": part.stat().st_size})
        part.chmod(0o644)  # safetensors makes files that only their owner reads
        _sidecar(path).unlink(missing_ok=True)  # a stale checksum must never stand beside new weights
        part.replace(path)
        part.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        part.replace(_sidecar(path))
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path}: the weights cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return card


def save_record(path: Path, record: Mapping[str, Any]) -> WeightCard:
    """Put the record of how they came about into a weights file, whose tensors stay as they are.

    Args:
        path: written by `save_weights`.
        record: plain JSON values.

    Returns:
        The card with the file's new checksum.

    Raises:
        WeightsError: if the file is missing or damaged.
        OutputError: if it cannot be written.
    """
    return save_weights(path, _load_safetensors(path), read_card(path), record=record)


def read_record(path: Path) -> dict[str, Any] | None:
    """The record that a weights file of wildact carries; None where it carries none.

    Raises:
        WeightsError: if the file or its record is damaged.
    """
    if path.suffix != ".safetensors":
        return None
    text = _read_metadata(path).get(_RECORD_KEY)
    try:
        record = None if text is None else json.loads(text)
    except json.JSONDecodeError as error:
        raise WeightsError(f"{path} carries a broken record: {error}") from error
    return record if isinstance(record, dict) else None


def _stored(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A copy on the CPU that shares memory with no other tensor, in the type it is stored in."""
    convert = dtype is not None and tensor.is_floating_point() and tensor.ndim > 1
    stored = tensor.detach().to("cpu", dtype if convert else tensor.dtype, copy=True).contiguous()
    if stored.is_floating_point() and not bool(torch.isfinite(stored).all()):
        raise WeightsError(f"{name} holds values that are not finite as {stored.dtype}: it is not saved")
    return stored


def load_weights(path: Path, card: WeightCard | None = None) -> tuple[dict[str, Tensor], WeightCard]:
    """Load weights onto the CPU.

    Args:
        path: a ``.safetensors`` file, or one that `load_foreign_state` reads, without running code.
        card: what they are, for files that do not say it themselves; overrides the file's own card.

    Returns:
        The state, in wildact's names and with floating-point tensors as float32; and the card with the
        file's checksum and size.

    Raises:
        WeightsError: if the file is missing, damaged, no weights, asks to run code, differs from the
            checksum on its card, has no card, or is in no layout that is known for its network.
    """
    card = read_card(path) if card is None else card
    digest = _checked_sha256(path, card)
    state = load_state_of(path, card.name)
    return state, card.model_copy(update={"sha256": digest, "size_bytes": path.stat().st_size})


def load_state_of(path: Path, network: str) -> dict[str, Tensor]:
    """The tensors of a weights file of a known network, whatever its card says, or without a card.

    Args:
        path: as for `load_weights`.
        network: whose public layouts may be met, e.g. ``slowfast_r50``.

    Returns:
        The state, in wildact's names and with floating-point tensors as float32.

    Raises:
        WeightsError: as `load_weights` does, but for the checksum and the card.
    """
    state = _load_safetensors(path) if path.suffix == ".safetensors" else load_foreign_state(path)
    state = _LAYOUTS.get(network, dict)(state)
    return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}


def read_card(path: Path) -> WeightCard:
    """The card of a weights file, without loading its tensors.

    It comes from the file's own header, with the checksum of ``<stem>.json`` where that exists; for
    files of other libraries from ``<stem>.json``, or from the known downloadable weights of that file name.

    Raises:
        WeightsError: if the file is missing, is no weights file, or nothing says what it is.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file")
    beside = _read_sidecar(path)
    if path.suffix == ".safetensors":
        inside = _read_header(path)
        if inside is not None and beside is not None:
            return inside.model_copy(update={"sha256": beside.sha256, "size_bytes": beside.size_bytes})
    elif path.suffix in FOREIGN_SUFFIXES:
        inside = next((c for c in DOWNLOADABLE.values() if c.file == path.name), None)
    else:
        known = ", ".join((".safetensors", *FOREIGN_SUFFIXES))
        raise WeightsError(f"{path}: weights are {known} files, not '{path.suffix}'")
    card = beside or inside
    if card is None:
        raise WeightsError(
            f"{path} does not say what network it belongs to: put its card beside it as {_sidecar(path).name}"
        )
    return card


def load_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy weights into a network; every tensor must have its place and its shape.

    Raises:
        WeightsError: naming the first few tensors that are missing, unexpected or of another shape.
    """
    own = module.state_dict()
    wrong = {
        "missing": [k for k in own if k not in state],
        "unexpected": [k for k in state if k not in own],
        "of another shape": [
            f"{k} {list(state[k].shape)} for {list(own[k].shape)}"
            for k in own
            if k in state and state[k].shape != own[k].shape
        ],
    }
    if any(wrong.values()):
        text = "; ".join(f"{len(v)} {kind}: {_first(v)}" for kind, v in wrong.items() if v)
        raise WeightsError(f"the weights do not fit the network {type(module).__name__}: {text}")
    module.load_state_dict(state, strict=True)


def load_state_except_head(
    module: nn.Module, state: Mapping[str, Tensor], head: Sequence[str] = ("fc.",)
) -> list[str]:
    """Copy weights into a network, except for a head that was made for another number of classes.

    Args:
        module: whose head stays as it was initialised where the number of classes differs.
        state: as for `load_state`.
        head: what the names of the last layers begin with. Their first axis is the classes.

    Returns:
        Names of the tensors that were left as they were; none where the head fits. They are logged too.

    Raises:
        WeightsError: if anything else does not fit, as `load_state` does.
    """
    own = module.state_dict()
    tensors = [k for k in own if k.startswith(tuple(head)) and k in state]
    left_out = [k for k in tensors if own[k].shape != state[k].shape]
    if any(own[k].shape[1:] != state[k].shape[1:] for k in left_out):
        left_out = []  # another head altogether: load_state says so
    load_state(module, {**state, **{k: own[k] for k in left_out}})
    if left_out:
        _logger.warning(
            "%s keeps its untrained head: it has %d classes, and %s of the weights %d.",
            *(type(module).__name__, len(own[left_out[0]]), left_out[0], len(state[left_out[0]])),
        )
    return left_out


def _first(names: list[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file ({error})") from error


def _read_header(path: Path) -> WeightCard | None:
    text = _read_metadata(path).get(_CARD_KEY)
    return None if text is None else _parse_card(path, text)


def _read_metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file ({error})") from error


def _read_sidecar(path: Path) -> WeightCard | None:
    try:
        text = _sidecar(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"{_sidecar(path)} cannot be read: {error}") from error
    return _parse_card(_sidecar(path), text)


def _parse_card(path: Path, text: str) -> WeightCard:
    try:
        return WeightCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise WeightsError(f"{path} has a broken card: {where}: {first['msg']}") from error


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def compute_sha256(path: Path) -> str:
    """The file's SHA-256, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked_sha256(path: Path, card: WeightCard) -> str:
    try:
        digest = compute_sha256(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    if not digest.startswith(card.sha256):
        raise WeightsError(
            f"{path} is damaged or was changed: its sha256 begins {digest[:8]}, "
            f"its card says {card.sha256[:8]}"
        )
    return digest
