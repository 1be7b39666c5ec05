import numpy as np
import pytest

from wildact.evaluate.annotated import BoutCounts
from wildact.evaluate.figures import (
    TITLES,
    Figure,
    VideoCounts,
    draw_recordings,
    format_figure,
    format_interval,
    score_group,
)

ACTIONS = ("walking", "resting")


@pytest.fixture
def videos(track, count, right_bouts):
    """Four with a deer that is found; in four more it is missed, in one of those something else is seen."""
    deer, ghost = track(1, "deer", 10), track(9, "deer", 150)
    good = [count([deer], [deer], right_bouts(1)) for _ in range(4)]
    return [*good, *(count([deer], [], []) for _ in range(3)), count([deer], [ghost], [])]


def group(videos, **changed):
    return score_group(videos, ("deer", "fox"), ACTIONS, **{"resamples": 400, "seed": 0} | changed)


def test_intervals_hold_the_figure_and_are_those_of_a_share_of_videos(videos):
    figures = group(videos).figures
    # found: half of eight videos. Drawing eight of them is binomial: 95 % of it is 1/8 to 7/8
    assert figures["found"] == (0.5, pytest.approx(1 / 8, abs=1 / 16), pytest.approx(7 / 8, abs=1 / 16))
    for name, figure in figures.items():
        if not np.isnan(figure.low):
            assert figure.low <= figure.value <= figure.high, name
    for name in (
        "box_ap",
        "mask_ap50",
        "hota",
        "mota",
        "idf1",
        "action_top1_of_all",
        "video_map",
        "frame_map50",
    ):
        assert figures[name].low < figures[name].high, name


def test_figures_of_a_set_come_from_sums_not_from_means_of_videos(videos):
    figures = group(videos).figures
    assert figures["mota"].value == pytest.approx((4 * 40 - 40) / (8 * 40))
    assert figures["action_top1_of_all"].value == 0.5
    assert figures["false_tracks"].value == 1


def test_the_same_seed_gives_the_same_intervals_and_more_resamples_no_other_values(videos):
    assert str(group(videos)) == str(group(videos))
    other = group(videos, seed=1, resamples=50).figures
    assert [figure.value for figure in other.values()] == pytest.approx(
        [figure.value for figure in group(videos).figures.values()], nan_ok=True
    )


def test_no_interval_without_resamples_of_counts_and_of_a_single_video(videos):
    for figures in (group(videos, resamples=0).figures, group(videos[:1]).figures):
        assert all(np.isnan(figure.low) and np.isnan(figure.high) for figure in figures.values())
    figures = group(videos).figures
    assert np.isnan(figures["videos"].low)
    assert np.isnan(figures["animals"].low)
    assert np.isnan(figures["box_ap_of/fox"].value)  # there is none


def test_answers_to_bouts():
    # walking: 3 of 4 right, the other one taken for an action the data set does not have; resting: 1 of 2
    one = VideoCounts("day", None, BoutCounts(np.array([[3, 0, 1], [0, 0, 0]]), 4))
    two = VideoCounts("ir", None, BoutCounts(np.array([[0, 0, 0], [1, 1, 0]]), 1))
    scores = group([one, two])
    value = {name: figure.value for name, figure in scores.figures.items()}
    assert (value["bouts"], value["videos"]) == (6, 2)
    assert value["bout_top1"] == pytest.approx(4 / 6)
    assert value["bout_top5"] == pytest.approx(5 / 6)
    assert value["bout_mean_class"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert value["bout_precision/walking"] == pytest.approx(3 / 4)
    assert value["bout_recall/resting"] == pytest.approx(1 / 2)
    assert scores.bouts.tolist() == [[3, 0, 1], [1, 1, 0]]
    assert scores.seconds is None
    assert scores.curves == {}
    assert "hota" not in value


def test_every_figure_has_a_title(videos):
    with_bouts = [VideoCounts("day", v.chain, BoutCounts(np.zeros((2, 3), np.int64), 0)) for v in videos]
    names = {name for name in group(with_bouts, resamples=0).figures if "/" not in name}
    assert names == set(TITLES)


def test_curves_are_those_of_the_average_precision(videos):
    scores = group(videos, resamples=0)
    assert scores.curves["box"].shape == (2, 2, 101)
    assert scores.curves["box"][0, 0].mean() == pytest.approx(scores.figures["box_ap50_of/deer"].value)
    assert scores.curves["mask"][1, 0].mean() == pytest.approx(scores.figures["mask_ap75"].value)
    assert np.isnan(scores.curves["box"][0, 1]).all()


def test_as_people_read_it():
    nan = float("nan")
    assert format_figure("hota", Figure(0.51234, 0.4, 0.6)) == "0.512"
    assert format_interval("hota", Figure(0.51234, 0.401, 0.6)) == "0.40 to 0.60"
    assert format_figure("false_tracks", Figure(3.0, 1, 5)) == "3"
    assert format_interval("false_tracks", Figure(3.0, 1, 5)) == "1 to 5"
    assert (format_figure("hota", Figure(nan, nan, nan)), format_interval("hota", Figure(nan, nan, nan))) == (
        "–",
        "",
    )


def test_videos_of_one_recording_are_drawn_together():
    weights = draw_recordings(["a", "", "a", "", ""], 50, seed=0)
    assert weights.shape == (51, 5)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[0] == 1).all()
    assert len(np.unique(weights[:, 1] - weights[:, 3])) > 1
    assert draw_recordings(["a", "a"], 50, seed=0).tolist() == [[1, 1]]
