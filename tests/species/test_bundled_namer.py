"""The bundled namer: its file must be the one that was measured, with its own preprocessing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wildact import defaults
from wildact.clip import crop_box
from wildact.datasets import load_dataset, select_split
from wildact.decode.still import read_still
from wildact.metrics.naming import Naming, tally_names
from wildact.species import load_namer
from wildact.taxonomy import load_taxonomy
from wildact.train.crops import list_animals

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "real"
EXPECTED = {"domestic dog": 0.174, "domestic sheep": 0.043, "ant": 0.042}
"""Of the drawn picture below."""


@pytest.fixture(scope="module")
def namer():
    return load_namer(defaults.NAMER)


def draw_picture():
    y, x = np.mgrid[:224, :224]
    image = np.stack([60 + x // 3, 90 + y // 4, 50 + (x + y) // 8], -1).astype(float)
    disc = ((x - 112) / 80) ** 2 + ((y - 120) / 50) ** 2 < 1
    fur = np.stack([150 + 20 * np.sin(x / 9), 100 + 15 * np.sin(y / 7), np.full(x.shape, 60.0)], -1)
    return np.where(disc[..., None], fur, image).clip(0, 255).astype(np.uint8)[None]


def measure(namer):
    """Probabilities of the classes of `EXPECTED` on the drawn picture."""
    logs = namer.predict(draw_picture())[0]
    return [float(np.exp(logs[namer.card.classes.index(name)])) for name in EXPECTED]


def test_probabilities_are_those_that_were_measured(namer):
    assert measure(namer) == pytest.approx(list(EXPECTED.values()), abs=0.02)


def test_zeroed_weights_and_another_preprocessing_are_noticed(namer):
    other = {**namer.card.preprocessing, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    changed = replace(namer, card=namer.card.model_copy(update={"preprocessing": other}))
    assert measure(changed) != pytest.approx(list(EXPECTED.values()), abs=0.02)
    zeroed = load_namer(defaults.NAMER)
    with torch.no_grad():
        for parameter in zeroed.model.parameters():
            parameter.zero_()
    assert measure(zeroed) != pytest.approx(list(EXPECTED.values()), abs=0.02)


def test_the_card_says_how_names_are_given(namer):
    assert namer.card.preprocessing["fusion"] == "log_mean"
    assert 0.5 < namer.threshold < 1
    assert set(namer.card.classes) <= set(load_taxonomy().taxa)
    assert {"red deer", "collared peccary", "white-nosed coati", "chimpanzee"} <= set(namer.card.classes)


@pytest.mark.skipif(not REAL.exists(), reason="../shared/data/real is not here")
def test_photographs_are_named_right(namer):
    dataset = select_split(load_dataset(REAL / "voc12_animals"), "val")
    animals = list_animals(dataset, load_taxonomy())[::15]
    namings = []
    for animal in animals:
        crop = crop_box(read_still(animal.path), animal.box, size=namer.size, context=namer.context)
        namings.append(Naming(namer(crop[None]).name, animal.name))
    tally = tally_names(namings, load_taxonomy())
    assert tally.given > 0.8 * len(animals)
    assert tally.share > 0.9
