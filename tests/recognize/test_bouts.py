import tracemalloc
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.recognize.bouts import _best_path, score_timeline, scores_to_bouts
from wildact.types import UNKNOWN, ActionScores

CLASSES = ("walking", "resting", "grazing")


def scores_of(rows, *, start_s=0.0, hop_s=0.5, clip_s=2.0):
    scores = np.array(rows, np.float32)
    starts = start_s + hop_s * np.arange(len(rows))
    return ActionScores(3, CLASSES, starts, starts + clip_s, scores)


def one_hot(index, confidence=0.9):
    row = np.full(3, (1 - confidence) / 2)
    row[index] = confidence
    return row


def test_one_action_is_one_bout_from_start_to_end():
    (bout,) = scores_to_bouts(scores_of([one_hot(1)] * 8), 0.2, 5.1)
    assert (bout.track_id, bout.action, bout.start_s) == (3, "resting", 0.2)
    assert bout.end_s == pytest.approx(5.1)
    assert bout.score == pytest.approx(0.9, abs=1e-5)


def test_a_transition_is_found_where_it_is():
    """Walking until 4 s, then grazing: a clip's scores are the shares of its time."""
    starts = np.arange(0, 6.1, 0.5)
    share = np.clip((4 - starts) / 2, 0, 1)
    rows = np.stack([share, 0 * share, 1 - share], axis=1)
    first, second = scores_to_bouts(scores_of(rows), 0, 8)
    assert (first.action, second.action) == ("walking", "grazing")
    assert first.end_s == second.start_s == pytest.approx(4, abs=0.35)


def test_noise_does_not_flicker():
    rng = np.random.default_rng(0)
    rows = [one_hot(0, 0.42 + 0.1 * rng.standard_normal()) for _ in range(40)]
    assert len(scores_to_bouts(scores_of(np.clip(rows, 0, 1)), 0, 21.5)) <= 2


def test_a_blip_shorter_than_a_bout_goes_to_its_neighbour():
    rows = [one_hot(0)] * 9 + [one_hot(2, 0.6)] + [one_hot(0)] * 9
    bouts = scores_to_bouts(scores_of(rows, hop_s=0.25, clip_s=0.5), 0, 5)
    assert [bout.action for bout in bouts] == ["walking"]


def test_what_lasts_counts_more_than_what_is_brief():
    """Half a second of 0.7 does not end a bout; three of them do."""
    for length, expected in ((1, ["walking"]), (6, ["walking", "grazing", "walking"])):
        rows = [one_hot(0, 0.7)] * 8 + [one_hot(2, 0.7)] * length + [one_hot(0, 0.7)] * 8
        bouts = scores_to_bouts(scores_of(rows, clip_s=0.5), 0, 0.5 * len(rows))
        assert [bout.action for bout in bouts] == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-5, 0), min_size=3, max_size=3), min_size=1, max_size=6),
    st.floats(0, 4),
)
def test_no_other_way_to_label_the_steps_gains_more(gains, cost):
    gains = np.array(gains)

    def gain(path):
        return gains[np.arange(len(gains)), path].sum() - cost * np.count_nonzero(np.diff(path))

    best = max(gain(path) for path in product(range(3), repeat=len(gains)))
    assert gain(_best_path(gains, cost)) == pytest.approx(best)


def test_no_clips_no_bouts():
    empty = ActionScores(1, CLASSES, np.zeros(0), np.zeros(0), np.zeros((0, 3), np.float32))
    assert scores_to_bouts(empty, 0, 3) == ()
    assert scores_to_bouts(scores_of([one_hot(0)]), 3, 3) == ()


def test_time_beyond_the_clips_takes_the_nearest_one():
    _, rows = score_timeline(scores_of([one_hot(0), one_hot(2)], hop_s=1, clip_s=1), 0, 6)
    assert rows[-1].argmax() == 2
    assert np.allclose(rows.sum(axis=1), 1, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=12),
    st.floats(0, 3),
    st.floats(0.05, 9),
)
def test_bouts_tile_the_track(rows, start_s, length_s):
    rows = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    bouts = scores_to_bouts(scores_of(rows), start_s, start_s + length_s)
    assert bouts[0].start_s == pytest.approx(start_s)
    assert bouts[-1].end_s == pytest.approx(start_s + length_s)
    for one, following in pairwise(bouts):
        assert one.end_s == following.start_s
        assert one.action != following.action
    if len(bouts) > 1:
        assert min(bout.duration_s for bout in bouts) >= 0.6 - 1e-6
    assert all(0 <= bout.score <= 1 for bout in bouts)


def test_an_hour_s_time_line_needs_little_memory():
    hour = 7200
    starts = np.arange(hour) * 0.5
    scores = np.zeros((hour, 2), np.float32)
    scores[:, 0] = 1
    actions = ActionScores(1, ("walking", "resting"), starts, starts + 1.0, scores)
    tracemalloc.start()
    times, mixed = score_timeline(actions, 0.0, 3600.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(times) == 36005
    assert np.allclose(mixed[:, 0], 1)
    assert peak < 20e6


def test_what_is_not_probable_enough_is_unknown():
    rows = [one_hot(0, 0.9)] * 8 + [one_hot(1, 0.55)] * 8 + [one_hot(2, 0.5)] * 8 + [one_hot(0, 0.9)] * 8
    named = scores_to_bouts(scores_of(rows, clip_s=0.5), 0, 16)
    assert [bout.action for bout in named] == ["walking", "resting", "grazing", "walking"]
    doubtful = scores_to_bouts(scores_of(rows, clip_s=0.5), 0, 16, min_probability=0.7)
    assert [bout.action for bout in doubtful] == ["walking", UNKNOWN, "walking"]  # neighbours are one
    assert (doubtful[1].start_s, doubtful[1].end_s) == (named[1].start_s, named[2].end_s)
    assert doubtful[1].score == pytest.approx(0.525, abs=0.01)
    assert doubtful[0] == named[0]


def test_all_is_unknown_where_no_probability_is_enough():
    (bout,) = scores_to_bouts(scores_of([one_hot(0), one_hot(1)] * 6), 0, 7.5, min_probability=1.0)
    assert (bout.action, bout.start_s, bout.end_s) == (UNKNOWN, 0.0, 7.5)
