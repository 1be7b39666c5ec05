from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wildact.evaluate.video import bouts_by_frames, cut_tall, detect_scored_frames, speeds_at, truth_at
from wildact.pipeline import AnalysisSettings
from wildact.types import Bout, Detections, VideoInfo, VideoResult


def test_perfect_results_score_one(track, count, right_bouts, score):
    truth = [track(1, "deer", 10), track(2, "fox", 100)]
    scores = score([count(truth, truth, right_bouts(1) + right_bouts(2))])
    for key in (
        "box_ap", "mask_ap", "box_ap_medium", "box_ap_of/deer", "mask_ap50_of/fox", "found", "species",
        "idf1", "hota", "mota", "action_top1", "action_top1_of_all", "action_top1_in_place",
        "action_recall/walking", "action_precision/resting", "video_map", "frame_map50",
    ):  # fmt: skip
        assert scores[key] == pytest.approx(1), key
    assert (scores["false_tracks"], scores["id_switches"], scores["action_seconds"]) == (0, 0, 8)
    assert np.isnan(scores["box_ap_large"])


def test_each_mistake_shows_in_its_own_score(track, count, right_bouts, score):
    truth = [track(1, "deer", 10), track(2, "fox", 100)]
    both = right_bouts(1) + right_bouts(2)
    wrong_name = score([count(truth, [truth[0], replace(truth[1], label="deer")], both)])
    assert wrong_name["species"] == 0.5
    assert wrong_name["box_ap_of/fox"] == 0
    assert wrong_name["idf1"] == pytest.approx(1)
    assert wrong_name["video_map50"] == pytest.approx(1)  # species play no part there
    no_bouts = score([count(truth, truth, right_bouts(1))])
    assert no_bouts["action_top1"] == 0.5  # the second animal's seconds are wrong
    assert no_bouts["action_top1_answered"] == 1  # and have no answer
    wrong_action = score([count(truth, truth, [*right_bouts(1), Bout(2, "resting", 0, 4, 1.0)])])
    assert wrong_action["action_top1_answered"] == wrong_action["action_top1"] == 0.75
    foreign = score([count(truth, truth, [*right_bouts(1), Bout(2, "swimming", 0, 4, 1.0)])])
    assert foreign["action_top1_answered"] == foreign["action_top1"] == 0.5  # what nobody labels is an answer
    assert no_bouts["action_precision/walking"] == 1
    ghost = score([count(truth[:1], [truth[0], track(9, "fox", 150)], right_bouts(1))])
    assert ghost["false_tracks"] == 1


def test_only_seconds_on_an_animal_count_in_place(track, count, score):
    truth = [track(1, "deer", 10)]
    strays = np.arange(40)[:, None] >= 30  # for its last second it lies beside the animal
    predicted = [replace(truth[0], boxes=truth[0].boxes + 90 * strays.astype(np.float32))]
    bouts = [Bout(1, "walking", 0, 2, 1.0), Bout(1, "resting", 2, 3, 1.0), Bout(1, "walking", 3, 4, 1.0)]
    scores = score([count(truth, predicted, bouts)])
    assert scores["action_top1"] == 0.75
    assert scores["action_top1_in_place"] == 1
    nowhere = score([count(truth, [replace(truth[0], boxes=truth[0].boxes + 90)], bouts)])
    assert np.isnan(nowhere["action_top1_in_place"])


def test_seconds_of_labels_are_frames_whatever_their_real_times(track):
    """Ten frames at 5 per second, ten at 20, on labels that say 10 per second."""
    pts = np.concatenate([np.arange(10) * 20, 200 + np.arange(10) * 5])
    info = VideoInfo(Path("a.mp4"), 64, 48, Fraction(10), 20, Fraction(250, 100), "h264")
    bouts = (Bout(1, "walking", 0.0, 2.0, 1.0), Bout(1, "resting", 2.0, 2.5, 1.0))
    result = VideoResult(info, "day", pts, Fraction(1, 100), (), bouts=bouts)
    walking, resting = bouts_by_frames(result, Fraction(10))
    assert (walking.start_s, walking.end_s) == pytest.approx((0, 1))
    assert (resting.start_s, resting.end_s) == pytest.approx((1, 2))
    even = replace(result, pts=np.arange(20) * 10)
    assert bouts_by_frames(even, Fraction(10)) is even.bouts


def test_animals_that_are_not_followed_count_in_the_share_of_all_seconds(track, count, right_bouts, score):
    truth = [track(1, "deer", 10), track(2, "fox", 100)]
    scores = score([count(truth, truth[:1], right_bouts(1))])
    assert scores["found"] == 0.5
    assert (scores["action_top1"], scores["action_seconds"]) == (1, 4)
    assert scores["action_top1_of_all"] == 0.5
    assert scores["video_map50"] == pytest.approx(0.5)


def test_low_animals_do_not_count_and_following_one_is_no_mistake(track, count, right_bouts, score):
    truth = [track(1, "deer", 10), track(2, "fox", 100, height=20)]
    found = score([count(truth, truth, [*right_bouts(1), Bout(2, "resting", 0, 4, 1.0)])])
    assert (found["animals"], found["false_tracks"]) == (1, 0)
    for key in ("box_ap50", "mota", "video_map50", "frame_map50"):
        assert found[key] == pytest.approx(1), key
    missed = score([count(truth, truth[:1], right_bouts(1))])
    assert (missed["found"], missed["action_top1_of_all"]) == (1, 1)


def test_a_herd_is_neither_wanted_nor_wrong_to_find(track, count, right_bouts, score):
    herd = track(2, "fox", 100, height=70, crowd=True)
    part = track(7, "fox", 101, height=60)
    deer = track(1, "deer", 10)
    scores = score([count([deer, herd], [deer, part], right_bouts(1) + right_bouts(7))])
    assert (scores["animals"], scores["false_tracks"]) == (1, 0)
    for key in ("box_ap", "mota", "video_map50"):
        assert scores[key] == pytest.approx(1), key


def test_without_masks_all_but_those_is_scored(track, count, right_bouts, score):
    truth = [track(1, "deer", 10, masks=False)]
    found = [track(1, "deer", 10)]
    scores = score([count(truth, found, right_bouts(1))])
    assert scores["box_ap"] == pytest.approx(1)
    assert all(np.isnan(value) for name, value in scores.items() if name.startswith("mask_a"))


def test_truth_of_a_frame(track):
    deer, fox = track(1, "deer", 10), track(2, "fox", 100, crowd=True)
    late = replace(fox, frames=fox.frames + 5)
    truth, crowds = truth_at([deer, late], 3, ("fox", "deer"))
    assert (truth.labels.tolist(), crowds.tolist()) == ([1], [False])
    truth, crowds = truth_at([deer, late], 7, ("fox", "deer"))
    assert (truth.labels.tolist(), crowds.tolist()) == ([1, 0], [False, True])
    assert truth.boxes[1].tolist() == late.boxes[2].tolist()
    assert truth.masks == (deer.masks[7], late.masks[2])


def test_speeds_are_in_the_order_of_the_truth(track):
    deer, fox = track(1, "deer", 10), track(2, "fox", 100)
    late = replace(fox, frames=fox.frames + 5)
    speeds = [np.arange(40) % 3, np.full(40, -1)]
    assert speeds_at([deer, late], speeds, 3).tolist() == [0]
    assert speeds_at([deer, late], speeds, 7).tolist() == [1, -1]
    assert speeds_at([deer, late], speeds, 42).tolist() == [-1]
    assert speeds_at([], [], 0).dtype == np.int64


def test_a_fast_animal_that_is_missed_shows_among_the_fast(track, count, right_bouts, score):
    slow, fast = track(1, "deer", 10), track(2, "deer", 100)
    slow = replace(slow, boxes=np.repeat(slow.boxes[:1], 40, axis=0))
    there = 3 * np.arange(40, dtype=np.float32)[:, None] * np.array([1, 0, 1, 0], np.float32)
    fast = replace(fast, boxes=fast.boxes[:1] + there)
    scores = score([count([slow, fast], [slow], right_bouts(1))])
    assert scores["box_ap50_by_speed/slow"] == pytest.approx(1)
    assert scores["box_ap50_by_speed/fast"] == scores["mask_ap_by_speed/fast"] == 0
    assert np.isnan(scores["box_ap50_by_speed/medium"])
    assert [scores[f"box_truth_by_speed/{speed}"] for speed in ("slow", "medium", "fast")] == [1, 0, 1]


def test_only_the_high_part_of_a_track_counts(track):
    one = track(1, "deer", 10)
    boxes = one.boxes.copy()
    boxes[:30, 3] = 30
    cut = cut_tall(replace(one, boxes=boxes, occluded=np.arange(40) % 2 == 0), 24)
    assert cut.frames.tolist() == list(range(30, 40))
    assert cut.occluded.tolist() == [True, False] * 5
    assert cut_tall(one, 41) is None


@pytest.mark.parametrize("of_video", [False, True])
def test_a_detector_of_videos_sees_the_frames_between_those_that_are_scored(
    film, label, track, tmp_path, of_video
):
    """The stream finds a fox of the detector's, and a bird that the data set does not have."""
    seen = []

    def stream(frames, *, wanted):
        for frame in frames:
            seen.append(frame.index)
            if not wanted(frame):
                continue
            boxes = np.array([[frame.index, 0, 90, 60]] * 2, np.float32)
            yield frame, Detections(boxes, np.ones(2, np.float32), np.array([2, 0]))

    labelled = label([track(1, "deer", 10)])
    path = film(tmp_path / "a.mp4", seconds=1.5)
    labelled = replace(labelled, info=replace(labelled.info, path=path))
    detector = SimpleNamespace(stream=stream, temporal=of_video, classes=("bird", "deer", "fox"))
    settings = AnalysisSettings()
    frames = detect_scored_frames(labelled, detector, ("deer", "fox"), settings)
    assert seen == (list(range(15)) if of_video else [0, 5, 10])
    assert [found.boxes[:, 0].tolist() for found in frames.found] == [[0], [5], [10]]
    assert [found.labels.tolist() for found in frames.found] == [[1]] * 3
    assert [truth.boxes[0, 0] for truth in frames.truth] == [10, 15, 20]
    assert [speeds.tolist() for speeds in frames.speeds] == [[1]] * 3
