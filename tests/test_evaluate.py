from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.datasets import load_dataset
from wildact.evaluate import _score, _Scored, _tall, evaluate_models, scores_to_json
from wildact.masks import encode_mask
from wildact.pipeline import load_models
from wildact.simulate import SimulationSettings, simulate_dataset
from wildact.types import ActionLabel, Bout, Detections, LabelledVideo, Track, VideoInfo, VideoResult

NAMES = ("deer", "fox")
ACTIONS = ("walking", "resting")


def make_track(track_id, label, x, height=40):
    frames = np.arange(40)
    boxes = np.stack([x + frames, 0 * frames + 20, x + frames + 30, 0 * frames + 20 + height], 1).astype(
        np.float32
    )
    bitmap = np.zeros((100, 200), bool)
    bitmap[20 : 20 + height, x : x + 30] = True
    return Track(track_id, label, 1.0, frames, boxes, np.ones(40, np.float32), (encode_mask(bitmap),) * 40)


def scored(tracks, predicted, bouts):
    info = VideoInfo(Path("a.mp4"), 200, 100, Fraction(10), 40, Fraction(4), "h264")
    labels = tuple(
        label for t in tracks
        for label in (ActionLabel(t.track_id, "walking", 0, 20), ActionLabel(t.track_id, "resting", 20, 40))
    )  # fmt: skip
    video = LabelledVideo(info, "s", "c", "day", tuple(tracks), labels)
    result = VideoResult(info, "day", np.arange(40), Fraction(1, 10), tuple(predicted), (), tuple(bouts))
    tall = tuple(cut for t in tracks if (cut := _tall(t, 24)) is not None)
    frame = [
        Detections(
            np.array([t.boxes[0] for t in some], np.float32).reshape(-1, 4),
            np.ones(len(some), np.float32),
            np.array([NAMES.index(t.label) for t in some], np.int64),
            tuple(t.masks[0] for t in some),
        )
        for some in (tracks, predicted)
    ]
    return _Scored(video, tall, result, [frame[0]], [frame[1]])


def right_bouts(track_id):
    return [Bout(track_id, "walking", 0, 2, 0.9), Bout(track_id, "resting", 2, 4, 0.9)]


def test_perfect_results_score_one():
    truth = [make_track(1, "deer", 10), make_track(2, "fox", 100)]
    scores = _score([scored(truth, truth, right_bouts(1) + right_bouts(2))], NAMES, ACTIONS, 24)
    for key in ("box_ap", "mask_ap", "found", "species", "idf1", "hota", "mota", "action_top1"):
        assert getattr(scores, key) == pytest.approx(1), key
    assert scores.false_tracks == 0
    assert scores.action_seconds == 8


def test_each_mistake_shows_in_its_own_score():
    truth = [make_track(1, "deer", 10), make_track(2, "fox", 100)]
    wrong_name = [truth[0], replace(truth[1], label="deer")]
    scores = _score([scored(truth, wrong_name, right_bouts(1))], NAMES, ACTIONS, 24)
    assert scores.species == 0.5
    assert scores.idf1 == pytest.approx(1)
    assert scores.action_top1 == 0.5  # the second animal has no bouts: its seconds are wrong
    missed = _score([scored(truth, truth[:1], right_bouts(1))], NAMES, ACTIONS, 24)
    assert missed.found == 0.5
    assert missed.action_top1 == 1
    ghost = make_track(9, "fox", 150)
    assert (
        _score([scored(truth[:1], [truth[0], ghost], right_bouts(1))], NAMES, ACTIONS, 24).false_tracks == 1
    )


def test_low_animals_do_not_count_and_following_one_is_no_mistake():
    low = make_track(2, "fox", 100, height=20)
    truth = [make_track(1, "deer", 10), low]
    scores = _score([scored(truth, truth, right_bouts(1))], NAMES, ACTIONS, 24)
    assert scores.animals == 1
    assert scores.false_tracks == 0
    assert scores.box_ap50 == pytest.approx(1)
    assert _score([scored(truth, truth[:1], right_bouts(1))], NAMES, ACTIONS, 24).found == 1


def test_scores_become_plain_values():
    truth = [make_track(1, "deer", 10)]
    plain = scores_to_json({"all": _score([scored(truth, truth, right_bouts(1))], NAMES, ACTIONS, 24)})
    assert plain["all"]["action_recall"] == {"walking": 1.0, "resting": 1.0}


def test_worker_processes_score_the_same(tiny_settings, tmp_path):
    simulation = SimulationSettings(
        videos=3, seed=5, seconds=1, width=160, height=96, sites=1, cameras_per_site=1, blank_share=0,
        fps=Fraction(10),
    )  # fmt: skip
    dataset = load_dataset(simulate_dataset(tmp_path / "data", simulation))
    models = load_models(tiny_settings)
    seen = []
    one, two = (
        scores_to_json(
            evaluate_models(
                dataset, models, tiny_settings, min_height_px=0, workers=workers,
                on_video=lambda done, total: seen.append((done, total)),
            )
        )
        for workers in (1, 2)
    )  # fmt: skip
    assert seen == [(1, 3), (2, 3), (3, 3)] * 2
    assert one["all"]["videos"] == 3
    assert str(one) == str(two)  # as text: nan is not equal to itself
