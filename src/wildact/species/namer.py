"""Name an animal from pictures of it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wildact.errors import UsageError, WeightsError
from wildact.species.network import NamerNetwork, build_lite0_namer
from wildact.species.rollup import Name, fuse_crops, read_species_list, roll_up, select_classes
from wildact.taxonomy import Taxonomy, load_taxonomy
from wildact.types import Bool, Float64, Image
from wildact.weights import WeightCard, find_weights, load_state, load_weights

NAMERS = {"lite0_namer": build_lite0_namer}


@dataclass(frozen=True)
class Namer:
    """A network that names animals, and what it wants to see.

    Attributes:
        model: takes (N, 3, S, S) and gives (N, C) log probabilities; in evaluation mode.
        card: of the weights; its classes are names of the taxonomy.
        taxonomy: in which names are rolled up.
        allowed: (C,) which classes may occur.
        threshold: probability that a name needs.
        device: where it runs.
    """

    model: NamerNetwork
    card: WeightCard
    taxonomy: Taxonomy
    allowed: Bool
    threshold: float
    device: torch.device

    @classmethod
    def from_model(
        cls, model: NamerNetwork, card: WeightCard, *, device: str = "cpu", species: Sequence[str] = ()
    ) -> Namer:
        """Put a copy of a network into evaluation mode on a device; what it wants to see is on its card.

        Args:
            model: of the card.
            card: of the weights.
            device: ``cpu``, ``cuda``, ``cuda:1``, ...
            species: names of the taxonomy that may occur; empty: all.

        Raises:
            WeightsError: if a class of the card is not in the taxonomy.
            UsageError: if none of the species is known to the network.
        """
        taxonomy = load_taxonomy()
        if unknown := [name for name in card.classes if name not in taxonomy.taxa]:
            raise WeightsError(f"{card.file}: the class '{unknown[0]}' is unknown; train it anew.")
        allowed = np.ones(len(card.classes), np.bool_)
        if species:
            allowed = select_classes(species, card.classes, taxonomy)
        model = deepcopy(model).eval().requires_grad_(False).to(torch.device(device))
        model = model.to(memory_format=torch.channels_last)  # twice as fast on CPUs
        threshold = float(card.preprocessing["threshold"])
        return cls(model, card, taxonomy, allowed, threshold, torch.device(device))

    @property
    def size(self) -> int:
        """Side of the crops, pixels."""
        return int(self.card.preprocessing["size"])

    @property
    def context(self) -> float:
        """Side of a crop as a multiple of the longer side of the animal's box."""
        return float(self.card.preprocessing["context"])

    def predict(self, crops: Image, *, batch_size: int = 16) -> Float64:
        """Return the log probabilities (K, C) of crops, each by itself and of all classes.

        Args:
            crops: (K, S, S, 3) uint8 RGB.
            batch_size: crops per pass through the network.

        Raises:
            UsageError: if the crops have another shape or type.
        """
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (self.size, self.size, 3):
            raise UsageError(
                f"crops must be (K, {self.size}, {self.size}, 3) uint8, not {crops.shape} {crops.dtype}."
            )
        mean, std = (
            torch.tensor(self.card.preprocessing[key], device=self.device).view(3, 1, 1)
            for key in ("mean", "std")
        )
        rows = [np.zeros((0, len(self.card.classes)))]
        for start in range(0, len(crops), batch_size):
            images = torch.from_numpy(crops[start : start + batch_size]).to(self.device)
            with torch.inference_mode():
                rows.append(
                    self.model((images.permute(0, 3, 1, 2) / 255 - mean) / std).double().cpu().numpy()
                )
        return np.concatenate(rows)

    def __call__(self, crops: Image) -> Name:
        """Return the name of the one animal that all crops show.

        Args:
            crops: (K, S, S, 3) uint8 RGB, K at least 1.
        """
        return self.decide(self.predict(crops))

    def decide(self, log_probabilities: Float64) -> Name:
        """Return the name of one animal, given the log probabilities (K, C) of its crops."""
        fused = fuse_crops(log_probabilities, str(self.card.preprocessing["fusion"]))
        return roll_up(
            fused, self.card.classes, self.taxonomy, threshold=self.threshold, allowed=self.allowed
        )


def build_namer(name: str, num_classes: int, *, outputs_per_class: Sequence[int] = ()) -> NamerNetwork:
    """Return a network that names animals, untrained.

    Args:
        name: a key of `NAMERS`.
        num_classes: kinds of animals.
        outputs_per_class: see `build_lite0_namer`.

    Raises:
        UsageError: if there is no namer of this name.
    """
    if name not in NAMERS:
        raise UsageError(f"there is no namer '{name}'; there are: {', '.join(NAMERS)}.")
    return NAMERS[name](num_classes, outputs_per_class=outputs_per_class)


def load_namer(name_or_path: str, *, device: str = "cpu", species_list: Path | None = None) -> Namer:
    """Return a namer with its weights.

    Args:
        name_or_path: a name that ``wildact models`` lists, a weights file, or a training run's folder.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        species_list: file with what lives there, one name per line; None: everything.

    Raises:
        WeightsError: if the weights are not on this computer, damaged, or of another network.
        UsageError: if the name is unknown, or the list is broken.
    """
    path, card = find_weights(name_or_path, "namer")
    state, card = load_weights(path, card)
    outputs = card.architecture.get("outputs_per_class", ())
    model = build_namer(card.name, len(card.classes), outputs_per_class=outputs)
    load_state(model, state)
    species = () if species_list is None else read_species_list(species_list, load_taxonomy())
    return Namer.from_model(model, card, device=device, species=species)
