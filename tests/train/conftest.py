"""A tiny simulated data set, made once for all tests of training."""

from fractions import Fraction

import pytest

from wildact.datasets import load_dataset
from wildact.simulate import SimulationSettings, simulate_dataset


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    settings = SimulationSettings(
        videos=4, seed=3, seconds=2, width=160, height=96, sites=1, cameras_per_site=1, blank_share=0,
        fps=Fraction(10),
    )  # fmt: skip
    return simulate_dataset(tmp_path_factory.mktemp("data") / "tiny", settings)


@pytest.fixture(scope="session")
def tiny_dataset(tiny_data):
    return load_dataset(tiny_data)
