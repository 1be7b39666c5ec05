from fractions import Fraction
from math import isnan

import numpy as np
import pytest

from wildact.labels import ActionLabel
from wildact.metrics.recognition import (
    choose_min_probability,
    compute_action_seconds,
    compute_actions_in_place,
    compute_class_rates,
    compute_class_scores,
    compute_top_k,
    tabulate_answers,
)
from wildact.types import Bout, Track

CLASSES = ("walk", "graze", "rest")


def test_top_k() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.4, 0.4, 0.2]], np.float32)
    truth = np.array([1, 2, 1])
    assert compute_top_k(truth, scores, 1) == pytest.approx(1 / 3)  # the tie goes to class 0
    assert compute_top_k(truth, scores, 2) == pytest.approx(1)
    assert compute_top_k(truth, scores, 5) == 1
    assert isnan(compute_top_k(np.zeros(0, np.int64), np.zeros((0, 3), np.float32), 1))


def test_class_scores_by_hand() -> None:
    # walk: 3 of 4 right; graze: 1 of 2, its other one unanswered; rest never occurs but is answered once.
    truth = ["walk", "walk", "walk", "walk", "graze", "graze"]
    predicted = ["walk", "walk", "walk", "rest", "graze", None]
    scores = compute_class_scores(truth, predicted, CLASSES)
    assert scores.confusion.tolist() == [[3, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert scores.other.tolist() == [0, 1, 0]
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.mean_class_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert scores.precision.tolist() == [1, 1, 0]
    assert scores.recall[:2].tolist() == [0.75, 0.5]
    assert isnan(scores.recall[2])


def test_class_scores_perfect_empty_and_missing() -> None:
    perfect = compute_class_scores(CLASSES, CLASSES, CLASSES)
    assert (perfect.accuracy, perfect.mean_class_accuracy) == (1, 1)
    missing = compute_class_scores(["walk"], [None], CLASSES)
    assert (missing.accuracy, missing.mean_class_accuracy) == (0, 0)
    assert isnan(missing.precision[0])
    empty = compute_class_scores([], [], CLASSES)
    assert isnan(empty.accuracy)
    assert isnan(empty.mean_class_accuracy)


def test_names_outside_the_classes() -> None:
    scores = compute_class_scores(["walk"], ["swim"], CLASSES)
    assert scores.other.tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="swim"):
        compute_class_scores(["swim"], ["walk"], CLASSES)
    with pytest.raises(ValueError, match="0 answers for 1"):
        compute_class_scores(["walk"], [], CLASSES)


def track(first: int, last: int) -> Track:
    """Visible on the first and last frame only: what lies between counts too."""
    return Track(
        track_id=3,
        label="deer",
        label_score=1.0,
        frames=np.array([first, last]),
        boxes=np.array([[0, 0, 40, 40]] * 2, np.float32),
        scores=np.ones(2, np.float32),
        masks=(None, None),
    )


def bout(action: str, start_s: float, end_s: float, track_id: int = 7) -> Bout:
    return Bout(track_id=track_id, action=action, start_s=start_s, end_s=end_s, score=1.0)


def test_action_seconds_by_hand() -> None:
    # 10 frames/s, visible from 1.0 s to 6.0 s: seconds 1-5. Truth: walk until 3.0 s, graze until 5.0 s.
    labels = [
        ActionLabel(3, "walk", 0, 30),
        ActionLabel(3, "graze", 30, 50),
        ActionLabel(4, "rest", 0, 90),
    ]
    # Centres 1.5 (walk, right), 2.5 (rest, wrong), 3.5 (uncovered), 4.5 (graze, right); 5.5 has no truth.
    bouts = [
        bout("walk", 0, 2.0),
        bout("rest", 2.0, 3.4),
        bout("graze", 3.6, 9),
        bout("graze", 0, 9, track_id=8),
    ]
    result = compute_action_seconds(labels, track(10, 59), Fraction(10), bouts, predicted_id=7)
    assert result.seconds.tolist() == [1, 2, 3, 4]
    assert result.truth == ("walk", "walk", "graze", "graze")
    assert result.predicted == ("walk", "rest", None, "graze")
    assert result.accuracy == pytest.approx(2 / 4)
    assert result.covered().seconds.tolist() == [1, 2, 4]
    assert result.covered().accuracy == pytest.approx(2 / 3)


def test_action_seconds_of_an_animal_without_track() -> None:
    result = compute_action_seconds([ActionLabel(3, "walk", 0, 100)], track(0, 29), Fraction(10), [], None)
    assert result.predicted == (None, None, None)
    assert result.accuracy == 0
    assert isnan(result.covered().accuracy)


def lying(track_id: int, lefts: dict[int, float]) -> Track:
    """A track of boxes of 40 x 40 pixels: frame to their left border."""
    return Track(
        track_id=track_id,
        label="deer",
        label_score=1.0,
        frames=np.array(list(lefts)),
        boxes=np.array([[x, 0, x + 40, 40] for x in lefts.values()], np.float32),
        scores=np.ones(len(lefts), np.float32),
        masks=(None,) * len(lefts),
    )


def test_actions_in_place_are_those_of_the_animal_under_the_box() -> None:
    animals = [lying(3, dict.fromkeys(range(60), 0)), lying(4, dict.fromkeys(range(60), 100))]
    labels = [ActionLabel(3, "walk", 0, 60), ActionLabel(4, "graze", 0, 40)]
    # 10 frames/s. Seconds 0: on animal 3; 1: changes over at 1.5 s; 2: on 4; 3: no box; 4: on 4, of which
    # nobody knows what it does; 5: between the two, on 3 by a third
    lefts = dict.fromkeys(range(15), 0.0) | dict.fromkeys([*range(15, 30), *range(40, 50)], 105.0)
    predicted = lying(7, lefts | dict.fromkeys(range(50, 60), 20.0))
    bouts = [bout("walk", 0, 2.2), bout("graze", 2.2, 6), bout("rest", 0, 6, track_id=8)]
    result = compute_actions_in_place(labels, animals, Fraction(10), bouts, predicted)
    assert result.seconds.tolist() == [0, 1, 2]
    assert result.truth == ("walk", "graze", "graze")
    assert result.predicted == ("walk", "walk", "graze")


def test_no_action_in_place_where_there_is_no_animal() -> None:
    labels, bouts = [ActionLabel(3, "walk", 0, 60)], [bout("walk", 0, 6)]
    predicted = lying(7, dict.fromkeys(range(30), 0))
    assert not compute_actions_in_place(labels, [], Fraction(10), bouts, predicted).truth
    gone = lying(3, dict.fromkeys(range(5), 0))  # its last frame lies before the middle of the first second
    assert not compute_actions_in_place(labels, [gone], Fraction(10), bouts, predicted).truth


@pytest.mark.parametrize(
    ("first", "last", "seconds"),
    [
        (0, 4, []),  # until 0.5 s: the centre of second 0 is just outside
        (0, 5, [0]),
        (5, 9, [0]),  # from 0.5 s: its centre is just inside
        (6, 9, []),
        (16, 44, [2, 3]),  # 1.6 s to 4.5 s
    ],
)
def test_seconds_count_by_their_centre(first: int, last: int, seconds: list[int]) -> None:
    labels = [ActionLabel(3, "walk", 0, 1000)]
    result = compute_action_seconds(labels, track(first, last), Fraction(10), [], None)
    assert result.seconds.tolist() == seconds


def test_exact_rates_do_not_drift() -> None:
    # The centre of second 999 lies on frame floor(999.5 * 30000 / 1001) = 29955; at 30 it would be 29985.
    fps = Fraction(30000, 1001)
    labels = [ActionLabel(3, "walk", 29955, 29956)]
    result = compute_action_seconds(labels, track(0, 40000), fps, [], None)
    assert result.seconds.tolist() == [999]


def test_rates_of_many_tables_at_once_are_those_of_each() -> None:
    rng = np.random.default_rng(2)
    names = rng.choice([*CLASSES], (5, 30))
    answers = rng.choice([*CLASSES, "swim"], (5, 30))
    tables = np.array(
        [tabulate_answers(t.tolist(), a.tolist(), CLASSES) for t, a in zip(names, answers, strict=True)]
    )
    rates = compute_class_rates(tables)
    for k in range(5):
        alone = compute_class_scores(names[k].tolist(), answers[k].tolist(), CLASSES)
        assert rates.accuracy[k] == pytest.approx(alone.accuracy)
        assert rates.mean_class_accuracy[k] == pytest.approx(alone.mean_class_accuracy)
        np.testing.assert_allclose(rates.precision[k], alone.precision)
        np.testing.assert_allclose(rates.recall[k], alone.recall)


@pytest.mark.parametrize(
    ("probabilities", "right", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1], 0.6),
        ([0.6, 0.9, 0.8, 0.7], [0, 1, 1, 1], 0.7),
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1], 1.0),  # never nine tenths
        ([0.9, 0.9, 0.5], [1, 0, 0], 1.0),  # equal probabilities are named together or not at all
        ([], [], 1.0),
    ],
)
def test_the_smallest_probability_above_which_enough_is_right(probabilities, right, expected):
    seconds = np.full(len(right), 2.0)
    chosen = choose_min_probability(np.array(probabilities), seconds, 2 * np.array(right, float))
    assert chosen == pytest.approx(expected, abs=1e-9)


def test_long_answers_count_more_than_short_ones():
    probabilities, seconds = np.array([0.9, 0.8, 0.7]), np.array([10.0, 1.0, 1.0])
    right_s = np.array([10.0, 0.0, 0.0])
    assert choose_min_probability(probabilities, seconds, right_s) == pytest.approx(0.8)
