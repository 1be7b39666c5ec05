"""Deal whole groups out to parts, so that each part gets its share of everything.

With amounts x[g, f] of things f in groups g and shares s[p], the sum over parts and things of
(total[p, f] - s[p] * total[f])^2 / s[p] is made small: groups are dealt out from the largest on, then moved
and swapped as long as that helps, from several starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from wildact.types import Float64, Int64

_STARTS = 60
_MANY = 300
"""Above so many groups one start without swaps will do: single small groups are even enough."""

_GAIN = 1e-12


def assign_groups(amounts: Float64, shares: Sequence[float], seed: int) -> Int64:
    """Deal groups out to parts; every part gets one at least.

    Args:
        amounts: (G, F) of each thing in each group; things with large sums count more.
        shares: P positive numbers that add up to 1.
        seed: of the starts; same seed, same answer.

    Returns:
        (G,) the part of each group.

    Raises:
        ValueError: if there are fewer groups than parts.
    """
    if len(amounts) < len(shares):
        raise ValueError(f"{len(amounts)} groups cannot fill {len(shares)} parts")
    rng, share = np.random.default_rng(seed), np.array(shares, np.float64)
    starts = [_deal(amounts, share, rng)]
    if len(amounts) <= _MANY:
        starts += [_scatter(len(amounts), share, rng) for _ in range(_STARTS)]
    answers = [_improve(amounts, share, start) for start in starts]
    return min(answers, key=lambda part: round(_cost(amounts, share, part), 12))


def _cost(amounts: Float64, share: Float64, part: Int64) -> float:
    excess = _excess(amounts, share, part)
    return float((excess**2 / share[:, None]).sum())


def _excess(amounts: Float64, share: Float64, part: Int64) -> Float64:
    """(P, F) what each part has more than its share."""
    totals = np.zeros((len(share), amounts.shape[1]))
    np.add.at(totals, part, amounts)
    return np.asarray(totals - share[:, None] * amounts.sum(axis=0), np.float64)


def _deal(amounts: Float64, share: Float64, rng: Generator) -> Int64:
    """The smallest groups one to each part, the others from the largest on to where they fit best."""
    order = np.argsort(-amounts.sum(axis=1), kind="stable")
    part = np.zeros(len(amounts), np.int64)
    excess = -share[:, None] * amounts.sum(axis=0)
    small, large = order[len(order) - len(share) :], order[: len(order) - len(share)]
    part[small] = rng.permutation(len(share))
    np.add.at(excess, part[small], amounts[small])
    for group in large:
        rise = (2 * excess @ amounts[group] + amounts[group] @ amounts[group]) / share
        part[group] = np.argmin(rise)
        excess[part[group]] += amounts[group]
    return part


def _scatter(groups: int, share: Float64, rng: Generator) -> Int64:
    """A random deal that leaves no part empty."""
    part = rng.choice(len(share), groups, p=share)
    part[rng.permutation(groups)[: len(share)]] = np.arange(len(share))
    return np.asarray(part, np.int64)


def _improve(amounts: Float64, share: Float64, part: Int64) -> Int64:
    """Make the best move or swap again and again, until none helps."""
    part = part.copy()
    gram = amounts @ amounts.T if len(amounts) <= _MANY else None
    while True:
        pull = amounts @ (_excess(amounts, share, part) / share[:, None]).T  # (G, P)
        moves = _move_costs(amounts, share, part, pull)
        group, target = np.unravel_index(np.argmin(moves), moves.shape)
        if gram is not None:
            swaps = _swap_costs(gram, share, part, pull)
            one, other = np.unravel_index(np.argmin(swaps), swaps.shape)
            if swaps[one, other] < min(-_GAIN, moves[group, target]):
                part[[one, other]] = part[[other, one]]
                continue
        if moves[group, target] >= -_GAIN:
            return part
        part[group] = target


def _move_costs(amounts: Float64, share: Float64, part: Int64, pull: Float64) -> Float64:
    """(G, P) change of the cost if a group moves; infinite where it leaves a part empty, or stays."""
    groups = np.arange(len(part))
    squares = (amounts**2).sum(axis=1)[:, None]
    costs = 2 * (pull - pull[groups, part][:, None]) + squares * (1 / share[part][:, None] + 1 / share)
    costs[groups, part] = np.inf
    costs[np.bincount(part, minlength=len(share))[part] == 1] = np.inf
    return np.asarray(costs, np.float64)


def _swap_costs(gram: Float64, share: Float64, part: Int64, pull: Float64) -> Float64:
    """(G, G) change of the cost if two groups swap their parts; infinite within one part."""
    own = pull[np.arange(len(part)), part]
    there = pull[:, part]  # [g, h]: of group g in the part of h
    squares = np.diag(gram)
    distance = squares[:, None] + squares - 2 * gram
    costs = 2 * (there - own - own[:, None] + there.T)
    costs += distance * (1 / share[part][:, None] + 1 / share[part])
    return np.asarray(np.where(part[:, None] == part, np.inf, costs), np.float64)
