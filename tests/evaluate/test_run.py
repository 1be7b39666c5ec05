import sys
from dataclasses import replace

import numpy as np
import pytest

from wildact.datasets import load_dataset
from wildact.errors import DatasetError, UsageError
from wildact.evaluate import EvaluationSettings, evaluate_models, scores_to_json
from wildact.pipeline import load_models

WANTED = EvaluationSettings(min_height_px=0, annotated=True, views=2, crops=3, resamples=20)


@pytest.fixture(scope="module")
def dataset(tiny_data):
    return load_dataset(tiny_data)


@pytest.fixture(scope="module")
def models(tiny_settings):
    return load_models(tiny_settings)


def test_worker_processes_score_the_same(tiny_settings, dataset, models):
    seen = []
    one, two = (
        evaluate_models(
            dataset, models, tiny_settings, WANTED, workers=workers,
            on_video=lambda done, total: seen.append((done, total)),
        )
        for workers in (1, 2)
    )  # fmt: skip
    assert seen == [(1, 3), (2, 3), (3, 3)] * 2
    assert str(scores_to_json(one)) == str(scores_to_json(two))  # as text: nan is not equal to itself
    scores = scores_to_json(one)
    assert (
        [*one.videos]
        == [*two.videos]
        == [v.info.path.relative_to(dataset.root).as_posix() for v in dataset.videos]
    )
    assert sum(scores["all"]["box_truth_by_speed"].values()) > 0
    assert set(scores) == {"all", *{video.light for video in dataset.videos}}
    assert scores["all"]["videos"] == sum(of["videos"] for light, of in scores.items() if light != "all") == 3
    assert scores["all"]["bouts"] == sum(len(video.actions) for video in dataset.videos)
    assert set(scores["all"]["action_recall"]) == set(dataset.actions)
    assert "3 videos are rough" in one.notes[0]


def test_an_action_network_alone(tiny_settings, dataset, models):
    alone = EvaluationSettings(chain=False, annotated=True, min_height_px=0, resamples=0)
    dark = replace(dataset, videos=(replace(dataset.videos[0], light=None),))
    scores = evaluate_models(dark, models, tiny_settings, alone)
    assert set(scores.groups) == {"all"}
    assert "hota" not in scores.groups["all"].figures
    figures = scores.groups["all"].figures
    assert figures["bouts"].value == len(dark.videos[0].actions)
    assert 0 <= figures["bout_top1"].value <= figures["bout_top5"].value <= 1


def test_labels_that_reach_beyond_the_video_are_told(tiny_settings, dataset, models):
    video = dataset.videos[0]
    track = video.tracks[0]
    frames = track.frames + (video.info.frames + 5 - 1 - track.frames[-1])
    beyond = replace(video, tracks=(replace(track, frames=frames),))
    counted = evaluate_models(
        replace(dataset, videos=(beyond,)), models, tiny_settings, EvaluationSettings(resamples=0)
    )
    assert counted.notes == (
        "In 1 videos 5 labelled frames could not be decoded: animals on them count as missed, in all but AP"
        " and frame-mAP.",
    )


def test_a_video_that_is_not_there_is_told_before_the_first_is_analysed(tiny_settings, dataset, models):
    last = dataset.videos[-1]
    gone = replace(last, info=replace(last.info, path=last.info.path.with_name("gone.mp4")))
    broken = replace(dataset, videos=(*dataset.videos[:-1], gone))
    with pytest.raises(
        DatasetError, match=r"1 of 3 videos cannot be used: .*gone\.mp4: there is no such file"
    ):
        evaluate_models(
            broken, models, tiny_settings, on_video=lambda done, total: pytest.fail("one was analysed")
        )


def test_networks_and_data_that_have_nothing_to_do_with_each_other(tiny_settings, dataset, models):
    with pytest.raises(DatasetError, match="holds no video"):
        evaluate_models(replace(dataset, videos=()), models, tiny_settings)
    with pytest.raises(DatasetError, match=r"does not know lynx.*--annotated-only"):
        evaluate_models(replace(dataset, species=("lynx",)), models, tiny_settings)
    with pytest.raises(DatasetError, match=r"none of the data set's actions \(digging\)"):
        evaluate_models(replace(dataset, actions=("digging",)), models, tiny_settings, WANTED)


def test_a_missing_trackeval_is_told_before_the_first_video(tiny_settings, dataset, models, monkeypatch):
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    analysed = []
    monkeypatch.setattr("wildact.evaluate.run.run_chain", lambda video, *_, **__: analysed.append(video))
    with pytest.raises(UsageError, match="pip install trackeval"):
        evaluate_models(dataset, models, tiny_settings)
    assert not analysed
    alone = EvaluationSettings(chain=False, annotated=True, min_height_px=0, resamples=0)
    assert "hota" not in evaluate_models(dataset, models, tiny_settings, alone).groups["all"].figures


@pytest.mark.parametrize("wrong", [{"crops": 2}, {"crops": 0}, {"views": 0}, {"resamples": -1}])
def test_impossible_settings(wrong):
    with pytest.raises(UsageError):
        EvaluationSettings(**wrong)


def test_labels_without_masks_are_told(tiny_settings, dataset, models):
    video = dataset.videos[0]
    bare = tuple(replace(t, masks=(None,) * len(t)) for t in video.tracks)
    scores = evaluate_models(
        replace(dataset, videos=(replace(video, tracks=bare),)),
        models,
        tiny_settings,
        replace(WANTED, annotated=False),
    )
    assert "Masks are not scored: in 1 videos" in scores.notes[0]
    assert np.isnan(scores.groups["all"].figures["mask_ap"].value)
    assert not np.isnan(scores.groups["all"].figures["box_ap"].value)
