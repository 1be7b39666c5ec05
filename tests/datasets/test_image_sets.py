"""Sets of still images and clip lists: checked, split and counted."""

import json

import numpy as np
import pytest
from PIL import Image

from wildact.datasets import load_dataset
from wildact.datasets.check import check_datasets
from wildact.datasets.split import choose_unit, save_split, split_dataset
from wildact.datasets.stats import describe_dataset, save_tables
from wildact.datasets.stats_pictures import save_pictures
from wildact.errors import DatasetError

HALVES = {"train": 1, "test": 1}


def build_document(bursts=4):
    """Two images of each burst, a fox on the first of them, and an ignore region on each."""
    images, annotations = [], []
    for k in range(2 * bursts):
        split = "train" if k < bursts else "val"
        image = {"id": k, "file_name": f"images/{k}.png", "width": 30, "height": 20, "split": split}
        images.append(image | {"seq_id": f"burst {k // 2}", "light": "ir"})
        annotations.append(
            {"id": 2 * k, "image_id": k, "category_id": 1, "bbox": [0, 0, 30, 20], "iscrowd": 1}
        )
        if k % 2 == 0:
            annotations.append({"id": 2 * k + 1, "image_id": k, "category_id": 1, "bbox": [5, 5, 10, 10]})
    categories = [{"id": 1, "name": "fox", "supercategory": "animal"}]
    return {"info": None, "images": images, "annotations": annotations, "categories": categories}


@pytest.fixture
def save(tmp_path):
    """``save(document)``: a folder with its images."""

    def write(document):
        folder = tmp_path / "set"
        (folder / "images").mkdir(parents=True)
        for image in document["images"]:
            grey = np.random.default_rng(len(str(image))).integers(0, 255, (20, 30, 3), np.uint8)
            grey[0, 0] = image["id"]  # no two are alike
            Image.fromarray(grey).save(folder / image["file_name"])
        (folder / "annotations.json").write_text(json.dumps(document))
        return folder

    return write


def list_titles(folder):
    return [(finding.kind.title, finding.entry) for finding in check_datasets([folder])]


def test_a_good_set_has_nothing_but_boxes_without_masks(save):
    assert list_titles(save(build_document())) == [("box without mask", "annotations")]


def test_all_faults_are_found(save):
    document = build_document()
    foxes = [entry for entry in document["annotations"] if "iscrowd" not in entry]
    foxes[0]["bbox"] = [40, 5, 10, 10]
    foxes[1] |= {"segmentation": {"size": [5, 5], "counts": [25]}}
    foxes[2]["category_id"] = 7
    foxes[3]["bbox"] = []
    document["annotations"][0]["id"] = 1
    document["images"][1]["split"] = "val"
    folder = save(document)
    (folder / "images/2.png").unlink()
    whole = (folder / "images/3.png").read_bytes()
    (folder / "images/3.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (30, 21)).save(folder / "images/4.png")
    found = list_titles(folder)
    assert {
        ("given twice", "annotations entry 1"),
        ("box outside the frame", "annotations entry 1"),
        ("broken mask", "annotations entry 5"),
        ("refers to what is not there", "annotations entry 9"),
        ("annotation without a box", "annotations entry 13"),
        ("recording in two splits", "recording burst 0"),
        ("video missing", "video images/2.png"),
        ("video of another size", "video images/4.png"),
        ("video cannot be read", ""),
    } <= set(found)


def test_bursts_stay_together(save, tmp_path):
    folder = save(build_document())
    dataset = load_dataset(folder)
    assert choose_unit(dataset) == "recording"
    parts = split_dataset(dataset, HALVES, by="recording")
    save_split(dataset, parts, tmp_path / "parts", facts={"by": "recording"})
    read = [load_dataset(tmp_path / "parts" / name) for name in HALVES]
    assert [len(part.videos) for part in read] == [4, 4]
    bursts = [{video.recording for video in part.videos} for part in read]
    assert not bursts[0] & bursts[1]
    assert {video.split for part in read for video in part.videos} == {None}
    assert all((tmp_path / "parts/train" / video.info.path).is_file() for video in read[0].videos)
    assert read[0].facts["split"]["part"] == "train"
    assert sum(len(video.tracks) for part in read for video in part.videos) == 12
    assert not (tmp_path / "parts/train/actions.csv").exists()
    with pytest.raises(DatasetError, match="does not say its site"):
        split_dataset(dataset, HALVES, by="site")


def test_ignore_regions_are_not_counted(save, tmp_path):
    dataset = load_dataset(save(build_document()))
    tables = describe_dataset(dataset)
    assert tables["species"].loc["fox", "tracks"] == 4
    assert tables["splits"].loc["val"].to_dict() == {
        "videos": 4, "blank": 0, "total_s": 4, "tracks": 2, "bouts": 0, "recordings": 2,
    }  # fmt: skip
    save_tables(tmp_path / "out", tables)
    save_pictures(tmp_path / "out", dataset, tables)


@pytest.fixture
def clips(tmp_path, film):
    """Four clips of two recordings, and a row that names nothing."""
    folder = tmp_path / "clips"
    rows = ["video,action,recording,split"]
    for k in range(4):
        film(folder / f"{k}.mp4", seconds=0.5 + 0.1 * k)
        rows.append(f"{k}.mp4,{'eating' if k % 2 else 'resting'},day {k // 2},train")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_clip_lists_are_checked(clips):
    assert check_datasets([clips]) == ()
    text = (clips / "clips.csv").read_text().replace("day 1,train", "day 1,val", 1)
    (clips / "clips.csv").write_text(text + "9.mp4,eating,day 2,train\n0.mp4,,day 0,train\n")
    found = check_datasets([clips])
    assert [(finding.kind.title, finding.severity) for finding in found] == [
        ("row that cannot be used", "error"),
        ("row that cannot be used", "error"),
        ("recording in two splits", "error"),
    ]
    assert "line 6: " in found[0].what
    (clips / "clips.csv").write_text("video\n")
    assert [finding.kind.title for finding in check_datasets([clips])] == ["malformed entry"]


def test_clip_lists_are_split_and_counted(clips, tmp_path):
    dataset = load_dataset(clips)
    assert choose_unit(dataset) == "recording"
    parts = split_dataset(dataset, HALVES, by="recording")
    save_split(dataset, parts, tmp_path / "parts", facts={})
    for part in parts:
        read = load_dataset(tmp_path / "parts" / part.name)
        assert len({video.recording for video in read.videos}) == 1
        assert [video.actions for video in read.videos] == [video.actions for video in part.videos]
    assert describe_dataset(dataset)["actions"].loc["eating", "bouts"] == 2
