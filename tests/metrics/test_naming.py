import math

import pytest

from wildact.metrics.naming import Naming, compute_wilson, judge_name, tally_names
from wildact.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()


@pytest.mark.parametrize(
    ("name", "truth", "verdict"),
    [
        ("red deer", "red deer", "right"),
        ("deer", "red deer", "right"),
        ("mammal", "red deer", "right"),
        ("roe deer", "red deer", "wrong"),
        ("bird", "red deer", "wrong"),
        ("black swan", "bird", "finer"),
    ],
)
def test_a_name_is_right_at_its_rank(name, truth, verdict):
    assert judge_name(Naming(name, truth), TAXONOMY) == verdict


def test_animal_is_no_name():
    namings = [Naming("animal", "red deer"), Naming("deer", "red deer"), Naming("pig", "red deer")]
    tally = tally_names(namings, TAXONOMY)
    assert (tally.given, tally.right, tally.share) == (2, 1, 0.5)
    assert math.isnan(tally_names(namings[:1], TAXONOMY).share)


def test_wilson_interval():
    low, high = compute_wilson(9, 10)
    assert (low, high) == (pytest.approx(0.596, abs=1e-3), pytest.approx(0.982, abs=1e-3))
    assert compute_wilson(0, 0) == (0.0, 1.0)
