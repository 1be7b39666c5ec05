"""Data sets in a detector's classes, and their splits."""

import json
from dataclasses import replace

import pytest

from wildact.datasets import fit_classes, load_dataset, map_classes, select_split, select_test_split
from wildact.errors import DatasetError, UsageError


@pytest.fixture
def dataset(tmp_path):
    names = {"red fox": "animal", "car": "vehicle", "person": None, "chair": "other"}
    categories = [
        {"id": k, "name": name} | ({"supercategory": group} if group else {})
        for k, (name, group) in enumerate(names.items())
    ]
    images = [
        {"id": k, "file_name": f"{k}.jpg", "width": 20, "height": 20, "split": split}
        for k, split in enumerate(["train", "train", "val"])
    ]
    annotations = [{"id": k, "image_id": 0, "category_id": k, "bbox": [1, 1, 5, 5]} for k in range(4)]
    document = {"categories": categories, "images": images, "annotations": annotations}
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    return load_dataset(tmp_path)


def labels(dataset):
    return [track.label for track in dataset.videos[0].tracks]


def test_supercategory_then_own_name_else_background(dataset):
    mapped = map_classes(dataset, ("animal", "person", "vehicle"))
    assert mapped.species == ("animal", "person", "vehicle")
    assert labels(mapped) == ["animal", "vehicle", "person"]


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("roe deer", "none", "animal"),
        ("roe deer", "Mammalia", "animal"),
        ("specimen 7", "mammal", "animal"),
        ("chair", "furniture", None),
        ("man", "Homo sapiens", None),
    ],
)
def test_animals_of_any_supercategory_are_animals(dataset, name, group, expected):
    odd = replace(dataset, species=(name,), supercategories={name: group})
    (track, *_) = dataset.videos[0].tracks
    odd = replace(odd, videos=(replace(dataset.videos[0], tracks=(replace(track, label=name),)),))
    assert labels(map_classes(odd, ("animal", "vehicle"))) == ([expected] if expected else [])


def test_a_table_comes_first_and_has_a_class_for_the_rest(dataset):
    mapped = map_classes(dataset, ("thing", "person", "fox"), {"red fox": "fox", "*": "thing"})
    assert labels(mapped) == ["fox", "thing", "person", "thing"]


def test_a_table_names_classes_only(dataset):
    with pytest.raises(UsageError, match="names 'foks', which is not among fox"):
        map_classes(dataset, ("fox",), {"red fox": "foks"})


def test_a_split_is_a_part(dataset):
    assert [video.info.path.name for video in select_split(dataset, "val").videos] == ["2.jpg"]
    with pytest.raises(DatasetError, match="no split 'test'; it has train, val"):
        select_split(dataset, "test")


def test_a_set_without_splits_is_taken_whole(good):
    assert select_split(good, "val") is good


def test_a_detector_without_species_takes_them_as_animals(dataset, good):
    assert fit_classes(dataset, ("animal", "person", "vehicle")).species == ("animal", "person", "vehicle")
    assert fit_classes(good, ("deer", "fox", "cat")) is good
    assert {t.label for v in fit_classes(good, ("animal",)).videos for t in v.tracks} == {"animal"}
    with pytest.raises(DatasetError, match=r"does not know red fox$"):
        fit_classes(dataset, ("deer", "person"))


def test_the_split_to_test_on(dataset, good):
    chosen, split = select_test_split(dataset)
    assert (split, [video.info.path.name for video in chosen.videos]) == ("val", ["2.jpg"])
    assert select_test_split(good) == (good, None)
    with pytest.raises(DatasetError, match=r"no split 'test' or 'val'; it has train: name one with --split"):
        select_test_split(select_split(dataset, "train"))
