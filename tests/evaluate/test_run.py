import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from wildact.datasets import join_datasets, load_dataset
from wildact.detect import build_detector
from wildact.errors import DatasetError, UsageError
from wildact.evaluate import (
    EvaluationSettings,
    compare_matches,
    evaluate_models,
    load_matches,
    save_evaluation,
    scores_to_json,
)
from wildact.pipeline import load_models
from wildact.weights import find_weights, save_weights

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
    assert "Masks are scored on 0 of" in scores.notes[0]
    assert np.isnan(scores.groups["all"].figures["mask_ap"].value)
    assert not np.isnan(scores.groups["all"].figures["box_ap"].value)


@pytest.fixture(scope="module")
def finder(tiny_settings, tmp_path_factory):
    """Settings with a detector of animals, people and vehicles, which sees animals everywhere."""
    path, card = find_weights(tiny_settings.detector, "detector")
    torch.manual_seed(0)
    model = build_detector(card.name, 3, **card.architecture)
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.bias[1] = 6.0
    path = tmp_path_factory.mktemp("finder") / "finder.safetensors"
    classes = ("animal", "person", "vehicle")
    save_weights(path, model.state_dict(), card.model_copy(update={"classes": classes}))
    return replace(tiny_settings, detector=str(path))


def write_images(folder, *, seq_id="", masks=False):
    """Two images by day and one in infrared; a dog and a person on the first, a chair on the last."""
    names = {"dog": "animal", "person": "person", "chair": "other"}
    images, annotations = [], []
    for k, light in enumerate(("day", "day", "ir")):
        image = {"id": k, "file_name": f"{k}.png", "width": 96, "height": 64, "light": light, "split": "val"}
        images.append(image | {"seq_id": seq_id})
        folder.mkdir(exist_ok=True)
        grey = np.random.default_rng(k).integers(0, 255, (64, 96, 3), np.uint8)
        Image.fromarray(grey).save(folder / f"{k}.png")
    square = {"segmentation": [[20, 10, 70, 10, 70, 60, 20, 60]]} if masks else {}
    for number, (image, category) in enumerate(((0, 0), (0, 1), (2, 2))):
        box = {"id": number, "image_id": image, "category_id": category, "bbox": [20, 10, 50, 50]}
        annotations.append(box | (square if category == 0 else {}))
    categories = [
        {"id": k, "name": name, "supercategory": group} for k, (name, group) in enumerate(names.items())
    ]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(document))
    return load_dataset(folder)


def test_still_images_are_scored_by_boxes_and_masks_alone(finder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)  # not needed
    images = write_images(tmp_path, masks=True)
    wanted = EvaluationSettings(min_height_px=0, resamples=20)
    result = evaluate_models(images, load_models(finder), finder, wanted)
    assert result.species == ("animal", "person", "vehicle")
    assert set(result.groups) == {"all", "day", "ir"}
    figures = result.groups["all"].figures
    assert not {"hota", "species", "action_top1", "animals"} & set(figures)
    assert 0 <= figures["box_ap50_of/animal"].value <= 1
    assert np.isnan(figures["box_ap_of/vehicle"].value)  # none there
    assert 0 <= figures["mask_ap_of/animal"].value <= 1
    assert np.isnan(figures["mask_ap_of/person"].value)  # its label has none
    assert result.notes == (
        "The labels count as the detector's classes, animal, person, vehicle; names of species are not"
        " scored.",
        "The detector has no class for chair: background here.",
        "3 still images count as videos of one frame; tracks and actions are not scored on them.",
        "Intervals from 3 videos are rough: they are usually too narrow.",
    )
    save_evaluation(tmp_path / "out", result, {"data": {"folder": "x", "videos": 3}})
    assert (tmp_path / "out" / "evaluation.html").is_file()
    matches = load_matches(tmp_path / "out")
    assert compare_matches(matches, matches)["all"]["box_ap50"].difference.value == 0


def test_images_and_videos_are_scored_together(finder, dataset, tmp_path):
    images = write_images(tmp_path)
    both = join_datasets([replace(dataset, videos=dataset.videos[:1]), images])
    result = evaluate_models(both, load_models(finder), finder, EvaluationSettings(resamples=0))
    assert [name.rsplit("/", 1)[-1] for name in result.videos][1:] == ["0.png", "1.png", "2.png"]
    figures = result.groups["all"].figures
    assert "species" not in figures
    assert figures["videos"].value == 4
    assert figures["animals"].value == len(dataset.videos[0].tracks)
    assert np.isnan(result.groups["day"].figures["hota"].value)


def test_intervals_are_of_bursts(finder, tmp_path):
    burst = write_images(tmp_path, seq_id="burst")
    wanted = EvaluationSettings(min_height_px=0, resamples=20)
    result = evaluate_models(burst, load_models(finder), finder, wanted)
    assert np.isnan(result.groups["all"].figures["box_ap"].low)
