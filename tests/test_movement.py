"""Moving or still, by the animal's own size and without flicker."""

import numpy as np
import pytest

from wildact.movement import compute_speed, find_movement, moving_seconds
from wildact.types import Track


def make_track(centres, *, size=40.0, frames=None):
    frames = np.arange(len(centres)) if frames is None else np.asarray(frames)
    x = np.asarray(centres, np.float32)
    boxes = np.stack([x - size / 2, np.full_like(x, 10), x + size / 2, np.full_like(x, 10 + size)], axis=1)
    scores = np.ones(len(x), np.float32)
    return Track(3, "animal", 1.0, frames, boxes.astype(np.float32), scores, (None,) * len(x))


TIMES = np.arange(200) / 10


def test_an_animal_stands_walks_and_stands_again():
    x = np.concatenate([np.full(40, 100.0), 100 + 3.0 * np.arange(40), np.full(40, 220.0)])  # 0.75 sizes a s
    still, moving, again = find_movement(make_track(x), TIMES, 12.0)
    assert [still.moving, moving.moving, again.moving] == [False, True, False]
    assert (still.track_id, still.start_s, again.end_s) == (3, 0.0, 12.0)
    assert moving.start_s == still.end_s == pytest.approx(4.0, abs=0.5)
    assert again.start_s == moving.end_s == pytest.approx(8.0, abs=0.5)


def test_speed_is_in_sizes_of_the_animal():
    x = 5.0 * np.arange(30)  # 50 pixels a second
    assert compute_speed(make_track(x, size=40), TIMES) == pytest.approx(50 / 40)
    assert compute_speed(make_track(x, size=400), TIMES) == pytest.approx(50 / 400)
    assert find_movement(make_track(x, size=40), TIMES, 3.0)[0].moving
    assert not find_movement(make_track(x, size=800), TIMES, 3.0)[0].moving


def test_trembling_boxes_are_still():
    x = 100 + np.random.default_rng(0).normal(0, 1.5, 150)
    assert [m.moving for m in find_movement(make_track(x), TIMES, 15.0)] == [False]


def test_speeds_between_the_thresholds_change_nothing():
    slow = 0.17 * 40 / 10  # sizes per second, in pixels per frame
    fast = np.cumsum(np.concatenate([np.full(30, 4.0), np.full(60, slow)]))
    assert [m.moving for m in find_movement(make_track(fast), TIMES, 9.0)] == [True]
    begun_still = np.cumsum(np.concatenate([np.zeros(30), np.full(60, slow)]))
    assert [m.moving for m in find_movement(make_track(begun_still), TIMES, 9.0)] == [False]


def test_of_a_long_gap_nothing_is_said():
    frames = [*range(20), *range(60, 80)]
    x = [100.0] * 20 + [400.0] * 20
    found = find_movement(make_track(x, frames=frames), TIMES, 8.0)
    assert [(m.moving, m.start_s, m.end_s) for m in found] == [(False, 0.0, 1.9), (False, 6.0, 8.0)]


@pytest.mark.parametrize("frames", [[0], [0, 100], [0, 50, 100]])
def test_boxes_too_far_apart_say_nothing(frames):
    assert find_movement(make_track([10.0] * len(frames), frames=frames), TIMES, 20.0) == ()


def test_seconds_within_a_bout():
    x = np.concatenate([np.full(40, 100.0), 100 + 3.0 * np.arange(40)])
    found = find_movement(make_track(x), TIMES, 8.0)
    moved, stood = moving_seconds(found, 3.0, 8.0)
    assert moved + stood == pytest.approx(5.0)
    assert moved == pytest.approx(4.0, abs=0.5)
    assert moving_seconds(found, 20.0, 30.0) == (0.0, 0.0)
