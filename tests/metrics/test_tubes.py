"""Spatio-temporal action detection, on cases small enough to work out on paper."""

from fractions import Fraction
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.labels import ActionLabel
from wildact.metrics.tubes import (
    TUBE_IOUS,
    Tube,
    match_action_frames,
    match_tubes,
    pool_action_detection,
    predicted_tubes,
    true_tubes,
    tube_iou,
)
from wildact.types import Bout, Track

ACTIONS = ("walk", "rest")
FPS = Fraction(10)
HERE, THERE = (0.0, 0.0, 40.0, 40.0), (100.0, 100.0, 140.0, 150.0)
Box = tuple[float, float, float, float]


def track(
    track_id: int, frames: range | list[int], box: Box = HERE, *, score: float = 1.0, crowd: bool = False
) -> Track:
    n = len(frames)
    return Track(
        track_id=track_id,
        label="deer",
        label_score=1.0,
        frames=np.array(frames, np.int64),
        boxes=np.tile(np.array(box, np.float32), (n, 1)),
        scores=np.full(n, score, np.float32),
        masks=(None,) * n,
        crowd=crowd,
    )


def tube(frames: range, box: Box = HERE, action: str = "walk", score: float = 1.0) -> Tube:
    one = track(1, frames, box)
    return Tube(action, score, one.frames, one.boxes, np.zeros(0, np.int64))


def score(
    truth: list[Track],
    labels: list[ActionLabel],
    predicted: list[Track],
    bouts: list[Bout],
    *,
    frames: int = 40,
    min_height_px: float = 0,
) -> dict[str, float]:
    """Video- and frame-mAP of one video at 10 frames per second."""
    times_s = np.arange(frames) / 10
    true = true_tubes(truth, labels, min_height_px=min_height_px)
    found = predicted_tubes(predicted, bouts, times_s, truth, labels, min_height_px=min_height_px)
    pooled = pool_action_detection(
        [match_tubes(true, found, ACTIONS)],
        [match_action_frames(true, found, ACTIONS, FPS, frames)],
        np.ones((1, 1), np.int64),
        ACTIONS,
    )
    return {name: float(values[0]) for name, values in pooled.items()}


WALK_REST = [ActionLabel(1, "walk", 0, 20), ActionLabel(1, "rest", 20, 40)]


def bouts_of(track_id: int, change_s: float = 2.0) -> list[Bout]:
    return [Bout(track_id, "walk", 0, change_s, 0.9), Bout(track_id, "rest", change_s, 4.0, 0.8)]


def test_perfect_is_1() -> None:
    scores = score([track(1, range(40))], WALK_REST, [track(7, range(40))], bouts_of(7))
    assert list(scores.values()) == pytest.approx([1] * len(scores))
    assert scores.keys() == {
        "video_map", "video_map20", "video_map50", "frame_map50", "video_map50_of/walk",
        "video_map50_of/rest", "frame_map50_of/walk", "frame_map50_of/rest",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("truth", "predicted", "overlap"),
    [
        (tube(range(10)), tube(range(10)), 1.0),
        (tube(range(10)), tube(range(5, 15)), 5 / 15),  # the same place; 5 of 15 frames
        (tube(range(10)), tube(range(10), (0, 0, 20, 40)), 1 / 2),  # the same time; half of the place
        (tube(range(10)), tube(range(5, 15), (0, 0, 20, 40)), 1 / 3 * 1 / 2),
        (tube(range(10)), tube(range(10), THERE), 0.0),
        (tube(range(10)), tube(range(10, 20)), 0.0),
    ],
)
def test_overlap_is_that_in_time_times_that_in_space(truth: Tube, predicted: Tube, overlap: float) -> None:
    assert tube_iou(truth, predicted) == pytest.approx(overlap)


def test_a_bout_that_begins_late_is_right_up_to_its_overlap() -> None:
    # walk is predicted on 12 of its 20 frames (0.6); rest on 28 frames, of which 20 are right (0.71)
    scores = score([track(1, range(40))], WALK_REST, [track(7, range(40))], bouts_of(7, change_s=1.2))
    assert (scores["video_map20"], scores["video_map50"]) == pytest.approx((1, 1))
    assert scores["video_map"] == pytest.approx((3 / 10 + 5 / 10) / 2)  # right up to 0.60, and up to 0.70
    # middles of seconds are frames 5, 15, 25, 35; frame 15 is called rest. walk: 1 of 2 found. rest: the
    # false one is as sure as the right ones and earlier, so precision is 2/3 at best
    assert scores["frame_map50_of/walk"] == pytest.approx(1 / 2)
    assert scores["frame_map50_of/rest"] == pytest.approx(2 / 3)


def test_the_wrong_action_and_the_wrong_place_are_wrong() -> None:
    swapped = [Bout(7, "rest", 0, 2, 0.9), Bout(7, "walk", 2, 4, 0.9)]
    scores = score([track(1, range(40))], WALK_REST, [track(7, range(40))], swapped)
    assert (scores["video_map20"], scores["frame_map50"]) == (0, 0)
    scores = score([track(1, range(40))], WALK_REST, [track(7, range(40), THERE)], bouts_of(7))
    assert (scores["video_map20"], scores["frame_map50"]) == (0, 0)


def test_a_surer_false_alarm_costs_and_a_less_sure_one_does_not() -> None:
    labels = [ActionLabel(1, "walk", 0, 40)]
    for sure, expected in ((1.0, 1 / 2), (0.5, 1)):
        predicted = [track(7, range(40), score=0.8), track(8, range(40), THERE, score=sure)]
        bouts = [Bout(7, "walk", 0, 4, 0.9), Bout(8, "walk", 0, 4, 0.9)]
        scores = score([track(1, range(40))], labels, predicted, bouts)
        assert scores["video_map50"] == pytest.approx(expected)


def test_an_action_cut_in_two_is_found_once_and_wrong_once() -> None:
    # each half overlaps 1/2; the surer one takes the animal, the other is a false alarm after it
    labels = [ActionLabel(1, "walk", 0, 40)]
    predicted = [track(7, range(20)), track(8, range(20, 40))]
    bouts = [Bout(7, "walk", 0, 2, 0.9), Bout(8, "walk", 2, 4, 0.8)]
    scores = score([track(1, range(40))], labels, predicted, bouts)
    assert scores["video_map50"] == pytest.approx(1)
    assert scores["video_map"] == pytest.approx(1 / 10)
    assert scores["frame_map50"] == pytest.approx(1)


def test_actions_that_do_not_occur_and_actions_of_other_networks() -> None:
    labels = [ActionLabel(1, "walk", 0, 40)]
    bouts = [Bout(7, "walk", 0, 4, 0.9), Bout(8, "swim", 0, 4, 0.9)]
    scores = score([track(1, range(40))], labels, [track(7, range(40)), track(8, range(40), THERE)], bouts)
    assert isnan(scores["video_map50_of/rest"])
    assert scores["video_map50"] == pytest.approx(1)
    nothing = score([], [], [], [])
    assert isnan(nothing["video_map50"])
    assert score([track(1, range(40))], labels, [], [])["video_map50"] == 0


def test_hidden_frames_count_neither_for_nor_against() -> None:
    # the animal walks behind a tree; the predicted track goes on there, as tracks do
    hidden = track(1, [*range(10), *range(30, 40)])
    scores = score(
        [hidden], [ActionLabel(1, "walk", 0, 40)], [track(7, range(40))], [Bout(7, "walk", 0, 4, 1)]
    )
    assert scores["video_map"] == pytest.approx(1)
    assert scores["frame_map50"] == pytest.approx(
        1
    )  # neither is a box at the middle of a second where it is hidden
    # but it is wrong to go on after the animal has left
    gone = score(
        [track(1, range(20))],
        [ActionLabel(1, "walk", 0, 20)],
        [track(7, range(40))],
        [Bout(7, "walk", 0, 4, 1)],
    )
    assert gone["video_map50"] == pytest.approx(1)
    assert gone["video_map"] == pytest.approx(1 / 10)


def test_what_nobody_could_judge_is_no_false_alarm() -> None:
    low = (100.0, 0.0, 140.0, 19.0)
    truth, labels = [track(1, range(40))], [ActionLabel(1, "walk", 0, 40)]
    found, bouts = [track(7, range(40), score=0.5)], [Bout(7, "walk", 0, 4, 1.0)]
    for other, more in (
        (track(2, range(40), low), [ActionLabel(2, "walk", 0, 40)]),  # lower than 20 pixels
        (track(2, range(40), THERE), []),  # nobody said what it does
        (track(2, range(40), (90, 90, 200, 200), crowd=True), []),  # a herd
    ):
        box = low if more else THERE
        surer = [*found, track(8, range(40), box)]
        all_bouts = [*bouts, Bout(8, "walk", 0, 4, 1.0)]
        scores = score([*truth, other], [*labels, *more], surer, all_bouts, min_height_px=20)
        assert scores["video_map"] == pytest.approx(1), other
        assert scores["frame_map50"] == pytest.approx(1), other
        alone = score(truth, labels, surer, all_bouts, min_height_px=0)
        assert alone["video_map50"] == pytest.approx(1 / 2)


def test_confidence_is_that_of_the_animal_times_that_of_the_action() -> None:
    one = track(7, range(40), score=0.5)
    scores = one.scores.copy()
    scores[::2] = np.nan  # interpolated
    half_seen = Track(7, "deer", 1.0, one.frames, one.boxes, scores, one.masks)
    (found,) = predicted_tubes([half_seen], [Bout(7, "walk", 1, 2, 0.8)], np.arange(40) / 10, [], [])
    assert found.score == pytest.approx(0.4)
    assert found.frames.tolist() == list(range(10, 20))


spans = st.tuples(st.integers(0, 20), st.integers(1, 20))
corners = st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(21, 40)] * 2)


@given(spans, corners, spans, corners)
@settings(max_examples=60, deadline=None)
def test_overlap_is_symmetric_and_at_most_either_part(
    first: tuple[int, int], box: tuple[int, ...], second: tuple[int, int], other: tuple[int, ...]
) -> None:
    a = tube(range(first[0], sum(first)), tuple(map(float, box)))  # type: ignore[arg-type]  # four numbers
    b = tube(range(second[0], sum(second)), tuple(map(float, other)))  # type: ignore[arg-type]
    overlap = tube_iou(a, b)
    assert 0 <= overlap <= 1 + 1e-6
    assert overlap == pytest.approx(tube_iou(b, a))
    in_time = len(np.intersect1d(a.frames, b.frames)) / len(np.union1d(a.frames, b.frames))
    assert overlap <= in_time + 1e-6


def test_a_threshold_needs_at_least_its_overlap() -> None:
    truth = tube(range(10))
    for k, threshold in enumerate(TUBE_IOUS):
        enough = tube(range(10), (0, 0, 40 * threshold + 0.001, 40))
        short = tube(range(10), (0, 0, 40 * threshold - 0.1, 40))
        assert match_tubes([truth], [enough], ACTIONS).hits[k, 0]
        assert not match_tubes([truth], [short], ACTIONS).hits[k, 0]
        assert match_tubes([truth], [short], ACTIONS).alarms[k, 0]
