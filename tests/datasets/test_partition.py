from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.datasets.partition import assign_groups


def cost(amounts, shares, part):
    totals = np.stack([amounts[part == p].sum(axis=0) for p in range(len(shares))])
    share = np.array(shares)[:, None]
    return float(((totals - share * amounts.sum(axis=0)) ** 2 / share).sum())


@pytest.mark.parametrize("seed", range(4))
def test_few_groups_are_dealt_out_as_well_as_by_trying_all_ways(seed):
    rng = np.random.default_rng(seed)
    amounts = rng.gamma(0.7, size=(8, 4))
    amounts /= amounts.sum(axis=0)
    shares = (0.6, 0.2, 0.2)
    ways = (np.array(way) for way in product(range(3), repeat=8) if len(set(way)) == 3)
    best = min(cost(amounts, shares, way) for way in ways)
    assert cost(amounts, shares, assign_groups(amounts, shares, seed=0)) == pytest.approx(best)


def test_many_small_groups_come_close_to_the_shares():
    amounts = np.random.default_rng(0).gamma(0.5, size=(2000, 8))
    amounts /= amounts.sum(axis=0)
    part = assign_groups(amounts, (0.8, 0.1, 0.1), seed=0)
    got = np.stack([amounts[part == p].sum(axis=0) for p in range(3)])
    assert np.abs(got - np.array([[0.8], [0.1], [0.1]])).max() < 0.003


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 12), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 3), st.randoms()
)
def test_every_part_gets_a_group_and_the_seed_decides(groups, weights, seed, random):
    amounts = np.array([[float(random.random() < 0.4) for _ in range(3)] for _ in range(groups)])
    shares = np.array(weights) / sum(weights)
    if groups < len(shares):
        with pytest.raises(ValueError, match="cannot fill"):
            assign_groups(amounts, shares, seed)
        return
    part = assign_groups(amounts, shares, seed)
    assert set(part.tolist()) == set(range(len(shares)))
    assert (part == assign_groups(amounts, shares, seed)).all()
