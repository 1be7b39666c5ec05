import numpy as np
import pytest

from wildact.metrics import draw_resamples, percentile_interval


def test_the_first_row_is_the_data_set_and_each_other_draws_as_many() -> None:
    weights = draw_resamples(5, 200, seed=1)
    assert weights.shape == (201, 5)
    assert weights[0].tolist() == [1] * 5
    assert (weights.sum(axis=1) == 5).all()
    assert weights[1:].max() > 1
    assert weights[1:].mean(axis=0) == pytest.approx(np.ones(5), abs=0.25)


def test_a_seed_gives_the_same_resamples_again() -> None:
    assert (draw_resamples(7, 20, seed=3) == draw_resamples(7, 20, seed=3)).all()
    assert (draw_resamples(7, 20, seed=3) != draw_resamples(7, 20, seed=4)).any()


def test_no_resamples() -> None:
    assert draw_resamples(3, 0, seed=0).tolist() == [[1, 1, 1]]


def test_percentiles_by_hand_and_without_what_is_unknown() -> None:
    values = np.arange(101.0)
    assert percentile_interval(values) == pytest.approx((2.5, 97.5))
    assert percentile_interval(np.append(values, np.nan)) == pytest.approx((2.5, 97.5))
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()
    assert np.isnan(percentile_interval(np.zeros(0))).all()


@pytest.mark.parametrize("videos", [2, 3, 10, 100])
def test_no_interval_for_what_a_single_video_says(videos: int) -> None:
    weights = draw_resamples(videos, 1000, seed=0)[1:]
    one = np.where(weights[:, 0] > 0, 0.5, np.nan)
    two = np.where(weights[:, :2].sum(axis=1) > 0, 0.5, np.nan)
    assert np.isnan(percentile_interval(one)).all()
    assert percentile_interval(two) == (0.5, 0.5)


def test_an_interval_of_a_mean_holds_it_as_often_as_it_says() -> None:
    # 30 videos of which each is right with probability 0.7, many times over: about 95 of 100 hold it
    rng = np.random.default_rng(5)
    held = 0
    for trial in range(200):
        right = rng.random(30) < 0.7
        weights = draw_resamples(30, 300, seed=trial)
        low, high = percentile_interval(weights[1:] @ right / 30)
        held += low <= 0.7 <= high
    assert 0.88 <= held / 200 <= 0.99
