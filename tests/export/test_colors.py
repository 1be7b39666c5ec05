from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.export.colors import ACTION_COLORS, action_colors, result_hex, to_hex
from wildact.types import Bout

KABR = ("Walk", "Graze", "Browse", "Head Up", "Auto-Groom", "Trot", "Run", "Occluded")


@given(st.lists(st.text(max_size=8) | st.sampled_from([*ACTION_COLORS]), unique=True, max_size=60))
def test_no_two_actions_have_one_colour(actions):
    colors = action_colors(actions)
    assert list(colors) == actions
    assert len(set(colors.values())) == len(actions)
    assert all(0 <= part <= 255 for color in colors.values() for part in color)
    assert all(colors[name] == ACTION_COLORS[name] for name in actions if name in ACTION_COLORS)


@pytest.mark.parametrize("actions", [KABR, (*ACTION_COLORS, "drinking", "fighting", "marking", "sleeping")])
def test_so_many_as_data_sets_have_are_told_apart(actions):
    colors = np.array([*action_colors(actions).values()], float)
    assert min(np.linalg.norm(a - b) for a, b in combinations(colors, 2)) > 40


def test_a_colour_does_not_depend_on_what_is_seen_in_a_video(result):
    scores = replace(result.actions[0], classes=("x", "drinking", *result.actions[0].classes[2:]))
    one = replace(result, actions=(scores,), bouts=())
    other = replace(one, bouts=(Bout(1, "drinking", 0.0, 1.0, 0.5),))
    assert result_hex(one) == result_hex(other)
    assert set(result_hex(one)) == set(scores.classes)


def test_bouts_without_scores_have_colours_too(result):
    alone = replace(result, actions=(), bouts=(Bout(1, "b", 0.0, 1.0, 0.5), Bout(1, "a", 1.0, 2.0, 0.5)))
    assert list(result_hex(alone)) == ["a", "b"]


def test_hex():
    assert to_hex((0, 158, 115)) == "#009e73"
