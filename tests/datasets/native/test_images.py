"""Still images with COCO annotations as a data set."""

import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from wildact.datasets import load_dataset
from wildact.datasets.native.read import read_dataset
from wildact.datasets.native.write import save_dataset
from wildact.errors import DatasetError
from wildact.export.youtube_vis import to_coco_json
from wildact.masks import encode_mask

RLE = {"size": [30, 40], "counts": [155, 10, 20, 10, 1005]}
SET = {
    "info": {"description": "test"},
    "categories": [
        {"id": 1, "name": "fox", "supercategory": "animal"},
        {"id": 2, "name": "car", "supercategory": "vehicle"},
        {"id": 3, "name": "empty"},
    ],
    "images": [
        {"id": 1, "file_name": "a/1.jpg", "width": 40, "height": 30, "split": "train", "seq_id": "s1",
         "light": "ir", "location": "meadow", "datetime": "2019-06-01 04:03:02"},
        {"id": 2, "file_name": "a/2.jpg", "width": 40, "height": 30, "split": "val", "light": "colour"},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 10, 10.5], "segmentation": RLE,
         "mask_quality": "overlap"},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [-0.4, 20, 50, 5]},
    ],
}  # fmt: skip


def load(folder, change=lambda document: None):
    document = deepcopy(SET)
    change(document)
    (folder / "annotations.json").write_text(json.dumps(document))
    return load_dataset(folder)


def test_an_image_is_a_video_of_one_frame(tmp_path):
    dataset = load(tmp_path)
    assert dataset.species == ("fox", "car")
    assert dataset.supercategories == {"fox": "animal", "car": "vehicle"}
    first, second = dataset.videos
    info = first.info
    assert (info.path, info.width, info.height) == (tmp_path / "a/1.jpg", 40, 30)
    assert (info.frames, info.fps, info.duration) == (1, 1, 1)
    assert (first.split, first.recording, first.light) == ("train", "s1", "ir")
    assert (first.site, first.recorded) == ("meadow", "2019-06-01T04:03:02")
    assert (second.split, second.recording, second.light, second.tracks) == ("val", "", "day", ())
    fox, car = first.tracks
    assert (fox.label, fox.crowd, fox.frames.tolist()) == ("fox", False, [0])
    assert fox.boxes.tolist() == [[5, 5, 15, 15.5]]
    assert (car.masks, car.boxes.dtype) == ((None,), np.float32)
    assert car.boxes.tolist() == [[0, 20, 40, 25]]


@pytest.mark.parametrize(
    "segmentation", [RLE, [[5, 5, 15, 5, 15, 15, 5, 15]], to_coco_json(encode_mask(np.eye(30, 40) > 0))]
)
def test_masks_of_every_kind(tmp_path, segmentation):
    def change(document):
        document["annotations"][0]["segmentation"] = segmentation

    (mask,) = load(tmp_path, change).videos[0].tracks[0].masks
    assert (mask.height, mask.width) == (30, 40)


@pytest.mark.parametrize("key", ["iscrowd", "difficult"])
def test_crowds_and_difficult_objects_are_ignored(tmp_path, key):
    fox, car = load(tmp_path, lambda document: document["annotations"][0].update({key: 1})).videos[0].tracks
    assert (fox.crowd, car.crowd) == (True, False)


def test_the_rest_of_an_incomplete_image_is_ignored(tmp_path):
    def change(document):
        for image in document["images"]:
            image["complete"] = False

    first, second = load(tmp_path, change).videos
    whole = [0, 0, 40, 30]
    ignored = [(track.label, track.boxes[0].tolist()) for track in first.tracks if track.crowd]
    assert ignored == [("fox", whole), ("car", whole)]
    assert len({track.track_id for track in first.tracks}) == 4
    assert [(track.label, track.crowd) for track in second.tracks] == [("fox", True), ("car", True)]


@pytest.mark.parametrize("bbox", [None, [], [3, 4, 0, 5]])
def test_an_image_whose_only_animal_has_no_box_is_not_blank(tmp_path, bbox):
    def change(document):
        document["annotations"].append({"id": 3, "image_id": "2", "category_id": 1, "bbox": bbox})

    dataset = load(tmp_path, change)
    assert [video.info.path.name for video in dataset.videos] == ["1.jpg"]
    assert dataset.dropped[1:] == (
        "1 annotation without a box",
        "1 image left out: no animal in it has a box",
    )


def test_an_animal_without_a_box_makes_its_image_incomplete(tmp_path):
    tracks = load(tmp_path, lambda document: document["annotations"][1].pop("bbox")).videos[0].tracks
    assert [(track.label, track.crowd) for track in tracks] == [("fox", False), ("car", True)]


def test_a_category_that_means_blank_is_no_species(tmp_path):
    def change(document):
        document["annotations"].append({"id": 3, "image_id": 2, "category_id": 3, "bbox": []})

    dataset = load(tmp_path, change)
    assert len(dataset.videos) == 2
    assert dataset.videos[1].tracks == ()


def put(*keys_and_value):
    *keys, value = keys_and_value

    def change(document):
        place = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("annotations", 0, "segmentation", {"size": [9, 9], "counts": [81]}), "its mask is of 9 x 9"),
        (put("annotations", 0, "segmentation", "spam"), "neither polygons nor run lengths"),
        (put("annotations", 0, "bbox", [100, 5, 10, 10]), "lies outside the image of 40 x 30"),
        (put("annotations", 0, "bbox", [1, 5, -3, 10]), "has a side below 0"),
        (put("annotations", 0, "bbox", [1, 5, 3]), "is not a box"),
        (put("annotations", 0, "category_id", 9), "category_id 9 is not among"),
        (put("annotations", 0, "image_id", 9), "it is of image 9, which"),
        (put("annotations", 0, "iscrowd", 2), "iscrowd must be 0 or 1"),
        (put("annotations", 1, "id", 1), "two entries of 'annotations' have the same id"),
        (put("images", 1, "file_name", "a/1.jpg"), "two images name the file 'a/1.jpg'"),
        (put("images", 1, "file_name", "../1.jpg"), "must stay within the folder"),
        (put("images", 1, "width", None), "width must be a whole number"),
        (put("images", 1, "complete", "no"), "complete must be true or false"),
        (put("images", 1, "split", 1.5), "split must be text"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, change, said):
    with pytest.raises(DatasetError, match=said):
        load(tmp_path, change)


def test_all_that_is_wrong_is_reported(tmp_path):
    document = deepcopy(SET)
    document["annotations"][0]["bbox"] = [-10, 5, 20, 10]
    document["annotations"][1]["category_id"] = 9
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    findings = []
    dataset = read_dataset(tmp_path, findings.append)
    assert [finding.kind.title for finding in findings] == [
        "box reaches beyond the image",
        "refers to what is not there",
    ]
    assert dataset.videos[0].tracks[0].boxes.tolist() == [[0, 5, 10, 15]]


VALUES = (None, True, -1, 10**30, 1e300, float("nan"), "", "1" * 5000, "../x", "\x00", [], [1], {}, [[1, 2]])


@pytest.mark.parametrize("key", ["categories", "images", "annotations", "info"])
@pytest.mark.parametrize("value", VALUES)
def test_a_damaged_set_is_read_or_refused_and_nothing_else(tmp_path, key, value):
    def damage(place):
        place[key] = value

    for change in (damage, *(put(key, 0, name, value) for name in (SET[key][0] if key != "info" else ()))):
        with suppress(DatasetError):
            load(tmp_path, change)
        read_dataset(tmp_path, lambda _: None)


def test_videos_keep_split_and_recording_in_the_native_format(good, tmp_path):
    video = replace(good.videos[0], split="train", recording="visit 3")
    save_dataset(replace(good, videos=(video,)), tmp_path / "copy")
    (read,) = load_dataset(tmp_path / "copy").videos
    assert (read.split, read.recording) == ("train", "visit 3")
