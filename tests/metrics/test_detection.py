import io
import json
from contextlib import redirect_stdout
from math import isnan
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
import pytest
from numpy.random import Generator

from wildact.boxes import box_area, xyxy_to_xywh
from wildact.masks import encode_mask, mask_area
from wildact.metrics.detection import compute_detection_ap, match_detections, pool_detection
from wildact.types import Detections

IouType = Literal["bbox", "segm"]
CLASSES = ("deer", "boar", "fox")
SIZE = 200


def detections(boxes: list[list[float]], scores: list[float] | None = None, label: int = 0) -> Detections:
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores or [1.0] * len(boxes), np.float32),
        labels=np.full(len(boxes), label, np.int64),
    )


A, B, NOWHERE = [0.0, 0.0, 40.0, 40.0], [100.0, 100.0, 140.0, 150.0], [0.0, 150.0, 40.0, 190.0]


def test_perfect_is_1() -> None:
    scores = compute_detection_ap(
        [detections([A, B])], [detections([A, B], [0.9, 0.8])], CLASSES, iou_type="bbox"
    )
    assert scores.ap == pytest.approx(1)
    assert scores.ap_medium == pytest.approx(1)
    assert scores.class_ap50["deer"] == pytest.approx(1)
    assert scores.class_truth == {"deer": 2, "boar": 0, "fox": 0}
    assert isnan(scores.class_ap50["boar"])
    assert isnan(scores.ap_large)


def test_nothing_found_is_0() -> None:
    scores = compute_detection_ap([detections([A])], [Detections.empty()], CLASSES, iou_type="bbox")
    assert (scores.ap, scores.ap50, scores.ar100) == (0, 0, 0)


@pytest.mark.parametrize("images", [0, 1])
def test_no_truth_is_nan(images: int) -> None:
    scores = compute_detection_ap(
        [Detections.empty()] * images, [detections([A])] * images, CLASSES, iou_type="bbox"
    )
    assert isnan(scores.ap)
    assert isnan(scores.class_ap["deer"])


def test_a_false_alarm_between_two_hits() -> None:
    # By falling score: hit (recall 1/2, precision 1), false alarm, hit (recall 1, precision 2/3).
    # COCO reads precision at recall 0.00, 0.01, ..., 1.00: 51 times 1, then 50 times 2/3.
    predicted = detections([A, NOWHERE, B], [0.9, 0.8, 0.7])
    scores = compute_detection_ap([detections([A, B])], [predicted], CLASSES, iou_type="bbox")
    assert scores.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert scores.ap == pytest.approx(scores.ap50)


def test_overlap_of_070_counts_up_to_that_threshold() -> None:
    # 28 of 40 columns: IoU 0.70, so right at 0.50, 0.55, 0.60, 0.65, 0.70 and wrong at the five above.
    predicted = detections([[0.0, 0.0, 28.001, 40.0]])
    scores = compute_detection_ap([detections([A])], [predicted], CLASSES, iou_type="bbox")
    assert scores.ap == pytest.approx(0.5)
    assert scores.ap50 == pytest.approx(1)
    assert scores.ap75 == 0


def test_wrong_species_is_wrong() -> None:
    scores = compute_detection_ap([detections([A])], [detections([A], label=1)], CLASSES, iou_type="bbox")
    assert scores.ap == 0


def test_low_truth_is_neither_missed_nor_wrong_to_find() -> None:
    low = [100.0, 100.0, 130.0, 119.0]
    truth = [detections([A, low])]
    hit_both = [detections([low, A], [0.9, 0.8])]
    hit_one = [detections([A])]
    assert compute_detection_ap(truth, hit_one, CLASSES, iou_type="bbox").ap50 < 0.6
    for predicted in (hit_one, hit_both):
        scores = compute_detection_ap(truth, predicted, CLASSES, iou_type="bbox", min_height_px=20)
        assert scores.ap == pytest.approx(1)
        assert scores.ignored == 1
        assert scores.class_truth["deer"] == 1


def test_low_false_alarms_do_not_count_but_low_hits_do() -> None:
    truth = [detections([[0.0, 0.0, 40.0, 20.0]])]
    predicted = [detections([[100.0, 0.0, 140.0, 19.0], [0.0, 0.0, 40.0, 19.0]], [0.9, 0.8])]
    scores = compute_detection_ap(truth, predicted, CLASSES, iou_type="bbox", min_height_px=20)
    assert scores.ap50 == pytest.approx(1)
    assert compute_detection_ap(truth, predicted, CLASSES, iou_type="bbox").ap50 == pytest.approx(0.5)


def test_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    compute_detection_ap([detections([A])], [detections([A])], CLASSES, iou_type="bbox")
    assert capsys.readouterr() == ("", "")


def test_what_does_not_fit_together() -> None:
    with pytest.raises(ValueError, match="0 predictions for 1 images"):
        compute_detection_ap([detections([A])], [], CLASSES, iou_type="bbox")
    with pytest.raises(ValueError, match="labels of image 0"):
        compute_detection_ap([detections([A], label=3)], [detections([A])], CLASSES, iou_type="bbox")
    with pytest.raises(ValueError, match="has no masks"):
        compute_detection_ap([detections([A])], [detections([A])], CLASSES, iou_type="segm")


def random_detections(rng: Generator, near: Detections | None = None) -> Detections:
    """Boxes of all of COCO's sizes with masks; half of them shaken copies of those they are ``near``."""
    n = int(rng.integers(0, 8))
    corner = rng.uniform(0, SIZE - 10, (n, 2))
    boxes = np.concatenate([corner, np.minimum(corner + rng.choice([12, 60, 150], (n, 1)), SIZE)], axis=1)
    labels = rng.integers(0, len(CLASSES), n)
    if near is not None and len(near):
        shaken = near.boxes + rng.normal(0, 2, near.boxes.shape)
        shaken[:, 2:] = np.maximum(shaken[:, 2:], shaken[:, :2] + 1)
        boxes = np.concatenate([boxes[: n // 2], shaken]).clip(0, SIZE)
        labels = np.concatenate([labels[: n // 2], near.labels])
    masks = []
    for x1, y1, x2, y2 in boxes.round().astype(int):
        mask = np.zeros((SIZE, SIZE), bool)
        mask[y1:y2, x1:x2] = True
        mask[y1 : (y1 + y2) // 2, x1 : (x1 + x2) // 2] = False
        masks.append(encode_mask(mask))
    scores = rng.uniform(0, 1, len(boxes)).astype(np.float32)
    return Detections(boxes.astype(np.float32), scores, labels.astype(np.int64), tuple(masks))


def coco_entries(images: list[Detections], iou_type: IouType, *, scored: bool) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for image, found in enumerate(images):
        assert found.masks is not None
        for i, mask in enumerate(found.masks):
            entry = {
                "id": len(entries) + 1,
                "image_id": image,
                "category_id": int(found.labels[i]) + 1,
                "bbox": xyxy_to_xywh(found.boxes)[i].astype(float).tolist(),
                "area": mask_area(mask) if iou_type == "segm" else float(box_area(found.boxes)[i]),
                "iscrowd": 0,
            }
            if iou_type == "segm":
                entry["segmentation"] = {"size": [SIZE, SIZE], "counts": mask.counts.decode()}
            if scored:
                entry["score"] = float(found.scores[i])
                del entry["id"], entry["area"], entry["iscrowd"]
            if scored and iou_type == "segm":
                del entry["bbox"]
            entries.append(entry)
    return entries


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("library", ["pycocotools", "faster_coco_eval"])
def test_same_as_reference_libraries_from_files(library: str, iou_type: IouType, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    truth = [random_detections(rng) for _ in range(12)]
    predicted = [random_detections(rng, near=t) for t in truth]
    dataset = {
        "info": {},
        "images": [{"id": i, "width": SIZE, "height": SIZE} for i in range(len(truth))],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
        "annotations": coco_entries(truth, iou_type, scored=False),
    }
    (tmp_path / "gt.json").write_text(json.dumps(dataset))
    (tmp_path / "dt.json").write_text(json.dumps(coco_entries(predicted, iou_type, scored=True)))
    if library == "pycocotools":
        load, evaluator = pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval
    else:
        reference = pytest.importorskip("faster_coco_eval")
        load, evaluator = reference.COCO, reference.COCOeval_faster
    with redirect_stdout(io.StringIO()):
        gt = load(str(tmp_path / "gt.json"))
        evaluation = evaluator(gt, gt.loadRes(str(tmp_path / "dt.json")), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = compute_detection_ap(truth, predicted, CLASSES, iou_type=iou_type)
    sizes = [ours.ap_small, ours.ap_medium, ours.ap_large]
    assert 0.1 < ours.ap < 0.9
    assert [ours.ap, ours.ap50, ours.ap75, *sizes] == pytest.approx(list(evaluation.stats[:6]), abs=1e-9)
    assert ours.ar100 == pytest.approx(evaluation.stats[8], abs=1e-9)


def test_what_lies_within_a_crowd_is_not_wrong() -> None:
    herd = [100.0, 100.0, 200.0, 200.0]
    truth, found = detections([A, herd]), detections([A, B, [150.0, 150.0, 190.0, 190.0]], [0.7, 0.9, 0.8])
    one = np.ones((1, 1), np.int64)
    for crowd, expected in ((True, 1.0), (False, 0.5 / 3)):
        matches = match_detections(
            [truth], [found], CLASSES, iou_type="bbox", crowds=[np.array([False, crowd])]
        )
        ap50 = pool_detection([matches], one, CLASSES)["ap50"][0]
        assert ap50 == pytest.approx(expected, abs=0.005)
        assert matches.wanted[0, 0] == (1 if crowd else 2)


SLOW, MEDIUM, FAST, UNKNOWN = 0, 1, 2, -1


def ap_by_speed(
    truth: Detections, found: Detections, speeds: list[int], *, iou_type: IouType = "bbox"
) -> dict[str, float]:
    matches = match_detections(
        [truth], [found], CLASSES, iou_type=iou_type, speeds=[np.array(speeds, np.int64)]
    )
    figures = pool_detection([matches], np.ones((1, 1), np.int64), CLASSES)
    return {name: float(values[0]) for name, values in figures.items()}


def test_other_speeds_are_neither_wanted_nor_wrong_to_find() -> None:
    both, slow = detections([A, B], [0.8, 0.9]), detections([A])
    found = ap_by_speed(detections([A, B]), both, [SLOW, FAST])
    assert (found["ap_by_speed/slow"], found["ap50_by_speed/fast"]) == pytest.approx((1, 1))
    assert isnan(found["ap_by_speed/medium"])
    assert [found[f"truth_by_speed/{speed}"] for speed in ("slow", "medium", "fast")] == [1, 0, 1]
    missed = ap_by_speed(detections([A, B]), slow, [SLOW, FAST])
    assert (missed["ap_by_speed/slow"], missed["ap_by_speed/fast"]) == pytest.approx((1, 0))
    assert missed["ap50"] == pytest.approx(51 / 101)


def test_a_false_alarm_in_the_open_is_one_at_each_speed() -> None:
    # before the hit: precision 1/2 at every recall; among all animals 1/2 up to recall 1/2, then 2/3, so 2/3
    found = ap_by_speed(detections([A, B]), detections([NOWHERE, A, B], [0.9, 0.8, 0.7]), [SLOW, FAST])
    assert found["ap50_by_speed/slow"] == pytest.approx(1 / 2)
    assert found["ap50_by_speed/fast"] == pytest.approx(1 / 2)
    assert found["ap50"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("label", [0, 1])
def test_a_false_alarm_on_an_animal_belongs_to_its_speed(label: int) -> None:
    truth = detections([A, B])
    ill = detections([[0.0, 0.0, 15.0, 40.0], A, B], [0.9, 0.8, 0.7])  # IoU 0.375 with A
    ill.labels[0] = label
    found = ap_by_speed(truth, ill, [SLOW, FAST])
    # of another species, it is a false alarm of one that is not there
    assert found["ap50_by_speed/slow"] == pytest.approx(1 / 2 if label == 0 else 1)
    assert found["ap50_by_speed/fast"] == pytest.approx(1)


def test_an_animal_of_unknown_speed_counts_only_among_all() -> None:
    near = [105.0, 100.0, 125.0, 150.0]
    found = ap_by_speed(detections([A, B]), detections([B, near, A], [0.9, 0.8, 0.7]), [SLOW, UNKNOWN])
    assert found["ap50_by_speed/slow"] == pytest.approx(1)
    assert found["truth_by_speed/slow"] == 1
    assert isnan(found["ap50_by_speed/fast"])
    assert found["ap50"] == pytest.approx((51 + 50 * 2 / 3) / 101)


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_where_all_have_one_speed_its_figures_are_those_of_all(iou_type: IouType) -> None:
    rng = np.random.default_rng(4)
    truth = random_detections(rng)
    found = random_detections(rng, near=truth)
    scores = ap_by_speed(truth, found, [MEDIUM] * len(truth), iou_type=iou_type)
    assert 0 < scores["ap"] < 1
    assert scores["ap_by_speed/medium"] == scores["ap"]
    assert scores["ap50_by_speed/medium"] == scores["ap50"]
    plain = compute_detection_ap([truth], [found], CLASSES, iou_type=iou_type)
    assert (plain.ap, plain.ap_medium) == (scores["ap"], pytest.approx(scores["ap_medium"], nan_ok=True))


def test_without_any_species_there_is_nothing_to_score() -> None:
    blank = match_detections([Detections.empty()], [Detections.empty()], (), iou_type="bbox")
    figures = pool_detection([blank], np.ones((3, 1), np.int64), ())
    assert all(np.isnan(values).all() for name, values in figures.items() if "truth" not in name)
