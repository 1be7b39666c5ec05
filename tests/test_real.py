"""The benchmark on real images: what counts in its truth, its figures, and a run on a few images."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from wildact.masks import decode_mask, encode_cropped_mask
from wildact.types import Detections

DATA = Path(__file__).parents[1].parent / "shared" / "data" / "real"


@pytest.fixture
def sets(load_benchmark):
    return load_benchmark("real_sets")


@pytest.fixture
def figures(load_benchmark):
    return load_benchmark("real_figures")


def write_set(folder, images, annotations):
    folder.mkdir(parents=True)
    categories = [
        {"id": 1, "name": "fox", "supercategory": "animal"},
        {"id": 2, "name": "car", "supercategory": "vehicle"},
    ]
    images = [{"width": 100, "height": 50, "split": "val", **image} for image in images]
    annotations = [{"category_id": 1, "iscrowd": 0, **annotation} for annotation in annotations]
    labels = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(labels))
    return folder


def find(*rows):
    """Detections of rows of x1, y1, x2, y2, score."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), np.zeros(len(table), np.int64))


def mask(x, y, w, h):
    rle = encode_cropped_mask(np.ones((h, w), bool), x, y, 50, 100)
    return {"size": [50, 100], "counts": rle.counts.decode()}


@pytest.fixture
def photographs(tmp_path, sets):
    folder = write_set(
        tmp_path / "photographs",
        [{"id": k, "file_name": f"{k}.jpg"} for k in (1, 2)]
        + [{"id": 3, "file_name": "3.jpg", "complete": False}, {"id": 4, "file_name": "4.jpg"}]
        + [{"id": 5, "file_name": "5.jpg", "split": "train"}],
        [
            {"image_id": 1, "bbox": [10, 10, 20, 20], "segmentation": mask(10, 10, 20, 20)},
            {
                "image_id": 1, "bbox": [50, 10, 20, 20], "segmentation": mask(50, 10, 20, 20),
                "mask_quality": "overlap",
            },
            {"image_id": 2, "bbox": [10, 10, 20, 20], "difficult": 1},
            {"image_id": 3, "bbox": [10, 10, 20, 20]},
            {"image_id": 4, "bbox": [10, 10, 20, 20], "category_id": 2},
            {"image_id": 5, "bbox": [10, 10, 20, 20]},
        ],
    )  # fmt: skip
    return sets.load_real_set(folder, "val")


def test_only_animals_of_the_split_are_wanted_and_doubtful_ones_ignored(photographs):
    assert [path.name for path in photographs.paths] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert photographs.empty.tolist() == [False, False, False, True]
    assert [crowds.tolist() for crowds in photographs.boxes.crowds] == [
        [False, False], [True], [False, True], []
    ]  # fmt: skip
    assert photographs.boxes.animals[2].boxes[1].tolist() == [0, 0, 100, 50]
    assert photographs.masks.images.tolist() == photographs.clean_masks.images.tolist() == [0]
    assert photographs.masks.crowds[0].tolist() == [False, False]
    assert photographs.clean_masks.crowds[0].tolist() == [False, True]
    assert decode_mask(photographs.masks.animals[0].masks[0]).sum() == 400


FOUND = (
    find((10, 10, 30, 30, 0.9), (80, 10, 99, 30, 0.8), (50, 10, 70, 30, 0.3)),
    find((10, 10, 30, 30, 0.95), (60, 10, 80, 30, 0.6)),
    find((10, 10, 30, 30, 0.7), (60, 10, 80, 30, 0.99)),
    find((10, 10, 30, 30, 0.4)),
)


def test_figures_count_what_is_wanted_and_what_is_false(photographs, figures):
    values = figures.compute_values(photographs, FOUND, min_score=0.5, quiet_score=0.75, resamples=50)
    now = {name: float(some[0]) for name, some in values.items()}
    assert now["recall"] == pytest.approx(2 / 3)
    assert now["quiet_recall"] == pytest.approx(1 / 3)
    assert now["false_boxes"] == pytest.approx(2 / 4)
    assert now["empty_fired"] == 0
    assert "mask_ap50" not in now
    assert all(len(some) == 51 for some in values.values())
    value, low, high = figures.to_figure(values["box_ap50"])
    assert low <= value <= high
    strict = figures.compute_values(photographs, FOUND, min_score=0.4, quiet_score=0.4, resamples=0)
    assert strict["empty_fired"][0] == 1


def test_average_precision_is_that_of_pycocotools(photographs, figures):
    entries = [
        (image, box, crowd)
        for image, (animals, crowds) in enumerate(
            zip(photographs.boxes.animals, photographs.boxes.crowds, strict=True)
        )
        for box, crowd in zip(animals.boxes.tolist(), crowds.tolist(), strict=True)
    ]
    truth = COCO()
    truth.dataset = {
        "info": {}, "categories": [{"id": 1}], "images": [{"id": k} for k in range(len(FOUND))],
        "annotations": [
            {
                "id": k, "image_id": image, "category_id": 1, "iscrowd": int(crowd),
                "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1),
            }
            for k, (image, (x1, y1, x2, y2), crowd) in enumerate(entries, start=1)
        ],
    }  # fmt: skip
    truth.createIndex()
    predicted = truth.loadRes(
        [
            {"image_id": image, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
            for image, found in enumerate(FOUND)
            for (x1, y1, x2, y2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True)
        ]
    )
    evaluation = COCOeval(truth, predicted, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    values = figures.compute_values(photographs, FOUND, min_score=0.5, quiet_score=0.5, resamples=0)
    assert float(values["box_ap"][0]) == pytest.approx(evaluation.stats[0])
    assert float(values["box_ap50"][0]) == pytest.approx(evaluation.stats[1])
    assert 0 < evaluation.stats[1] < 1


def test_frames_of_a_burst_are_one_group(tmp_path, sets, figures):
    images = [{"id": k, "file_name": f"{k}.jpg", "seq_id": "ab"[k // 2]} for k in range(4)]
    real = sets.load_real_set(
        write_set(tmp_path / "bursts", images, [{"image_id": 0, "bbox": [1, 1, 9, 9]}]), "val"
    )
    assert [images.tolist() for images in sets.group_images(real.groups).values()] == [[0, 1], [2, 3]]
    found = [find((1, 1, 10, 10, 0.9)), *[find()] * 3]
    of_bursts = figures.compute_group_ap50(real, found)
    assert of_bursts["a"] == pytest.approx(1)
    assert np.isnan(of_bursts["b"])


def test_the_confidence_at_which_few_empty_frames_fire(tmp_path, sets, figures):
    images = [{"id": k, "file_name": f"{k}.jpg"} for k in range(21)]
    real = sets.load_real_set(
        write_set(tmp_path / "set", images, [{"image_id": 20, "bbox": [1, 1, 9, 9]}]), "val"
    )
    found = [find((1, 1, 10, 10, 0.04 * k + 0.003)) for k in range(20)] + [find((1, 1, 10, 10, 0.8))]
    quiet = figures.find_quiet_score(real, found, 0.05)
    assert sum(bool(d.scores.max() >= quiet) for d in found[:20]) == 1
    assert quiet == pytest.approx(0.04 * 18 + 0.003)
    assert figures.choose_quiet_step(real, found, 0.05) == (0.73, 0.05, 1.0)
    assert figures.choose_f1_step(real, found) == (0.77, 1.0)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/real is not here")
def test_a_run_on_a_few_images_prints_one_table(load_benchmark, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    out = tmp_path / "figures.json"
    arguments = [
        "--data",
        str(DATA),
        "--sets",
        "missouri_ct",
        "voc12_animals",
        "--every",
        "123",
        "--no-previous",
    ]
    monkeypatch.setattr(sys, "argv", ["real.py", *arguments, "--resamples", "20", "--json", str(out)])
    load_benchmark("real").main()
    lines = capsys.readouterr().out.splitlines()
    saved = json.loads(out.read_text())
    assert len(saved["rows"]) == 2 * 3
    assert sum(line.startswith("| voc12_animals val | ") for line in lines) == 3
    peer = next(r for r in saved["rows"] if r["detector"] == "yolox_nano_416" and "voc12" in r["set"])
    assert peer["figures"]["box_ap50"][0] > 0.5
    assert "mask_ap50" not in peer["figures"]
    bundled = next(r for r in saved["rows"] if "voc12" in r["set"])
    assert bundled["figures"]["mask_ap50"][0] is not None
    assert bundled["figures"]["cpu_s"][0] > 0
