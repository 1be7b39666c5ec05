"""Where weights are: inside the package, in wildact's cache, in torchvision's cache, or not here yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from platformdirs import user_cache_path

from wildact.errors import UsageError, WeightsError
from wildact.weights.card import Kind, WeightCard
from wildact.weights.files import read_card
from wildact.weights.foreign import FOREIGN_SUFFIXES
from wildact.weights.known import DOWNLOADABLE

BUNDLED_FOLDER = Path(__file__).parents[1] / "models"
BEST_FILE = "best.safetensors"
"""Name of the best weights within the folder of a training run."""

_SUFFIXES = (".safetensors", *FOREIGN_SUFFIXES)


class ListedWeights(NamedTuple):
    """One line of ``wildact models``.

    Attributes:
        name: what a user types to get them.
        card: what they are.
        state: whether they can be used at once.
        path: the file, or None while it is only downloadable.
    """

    name: str
    card: WeightCard
    state: Literal["bundled", "cached", "downloadable"]
    path: Path | None


def cache_folder() -> Path:
    """Folder of downloaded weights: ``$WILDACT_CACHE``, or ``weights`` in the user's cache of wildact."""
    own = os.environ.get("WILDACT_CACHE")
    return Path(own).expanduser() if own else user_cache_path("wildact") / "weights"


def find_weights(name_or_path: str, kind: Kind | None) -> tuple[Path, WeightCard]:
    """Find weights on this computer, by name, file, or folder of a training run.

    A name is looked for in the package, then in wildact's cache, then in torchvision's; to mean a file or
    folder of the same name in the current folder, write ``./name``. Nothing is downloaded.

    Args:
        name_or_path: e.g. ``maskrcnn_resnet50_fpn``, ``my/weights.safetensors`` or ``runs/detector``,
            which holds ``best.safetensors``.
        kind: what the network must do; None: either, its card says what.

    Raises:
        WeightsError: if they are not on this computer, or their file is broken.
        UsageError: if there is no such name or file, or they are of another kind.
    """
    path = _locate(name_or_path, kind)
    card = read_card(path)
    if kind is not None and card.kind != kind:
        raise UsageError(f"{name_or_path} is a {card.kind}, where a {kind} is wanted")
    return path, card


def _locate(name_or_path: str, kind: Kind | None) -> Path:
    local = {name: path for name, path, _ in reversed(list(_local_files()))}
    if name_or_path in local:
        return local[name_or_path]
    if name_or_path in DOWNLOADABLE:
        size_mb = DOWNLOADABLE[name_or_path].size_bytes / 1e6
        raise WeightsError(
            f"{name_or_path} is not on this computer: "
            f"run `wildact models download {name_or_path}` ({size_mb:.0f} MB)"
        )
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if not (path / BEST_FILE).is_file():
            raise WeightsError(f"{path}: this folder holds no {BEST_FILE}; name a weights file within it")
        return path / BEST_FILE
    if path.is_file():
        return path
    if len(path.parts) > 1 or path.suffix in _SUFFIXES:
        raise UsageError(f"{path}: there is no such weights file")
    names = sorted({w.name for w in list_weights() if kind in (None, w.card.kind)})
    known = "weights" if kind is None else f"{kind}s"
    raise UsageError(f"there are no weights called '{name_or_path}'; known {known}: {', '.join(names)}")


def list_weights() -> list[ListedWeights]:
    """All weights that can be named: bundled ones first, then cached, then those only to be downloaded.

    Raises:
        WeightsError: if the card of one of the files is broken.
    """
    listed: dict[str, ListedWeights] = {}
    for name, path, state in _local_files():
        if name not in listed:
            listed[name] = ListedWeights(name, read_card(path), state, path)
    for name, card in DOWNLOADABLE.items():
        if name not in listed:
            listed[name] = ListedWeights(name, card, "downloadable", None)
    return list(listed.values())


def _local_files() -> Iterator[tuple[str, Path, Literal["bundled", "cached"]]]:
    """Name, file and state of all weights on this computer; the first of a name counts."""
    for path in sorted(BUNDLED_FOLDER.glob("*.safetensors")):
        yield path.stem, path, "bundled"
    for path in sorted(cache_folder().glob("*.safetensors")):
        yield path.stem, path, "cached"
    for name, card in DOWNLOADABLE.items():
        cached = find_cached(card)
        if cached is not None:
            yield name, cached, "cached"


def find_cached(card: WeightCard) -> Path | None:
    """The downloaded file of a card, in wildact's cache or in torchvision's own, or None."""
    folders = (cache_folder(), Path(torch.hub.get_dir()) / "checkpoints")
    return next((f / card.file for f in folders if (f / card.file).is_file()), None)
