"""Average precision of detections, as COCO defines it; detections are matched to truth by ``pycocotools``.

For a part of the truth (animals of one size, or of one speed), all other truth is COCO's ``ignore``: neither
wanted nor wrong to find.

References:
    Lin et al. 2014, Microsoft COCO: Common Objects in Context; https://cocodataset.org/#detection-eval.
    Zhu et al. 2017, Flow-Guided Feature Aggregation for Video Object Detection, section 5: AP by speed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any, Literal

import numpy as np
from pycocotools.cocoeval import COCOeval

from wildact.boxes import box_area, box_iou, xyxy_to_xywh
from wildact.masks import mask_area, to_coco
from wildact.metrics.motion import SPEEDS
from wildact.metrics.pooling import Matches, mean_known, pool_average_precision, pool_recall
from wildact.types import Bool, Detections, Float64, Int64

_Entry = dict[str, Any]
_Groups = dict[tuple[int, int], list[_Entry]]

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
SIZES = ("all", "small", "medium", "large")
"""COCO's ranges of area, in its order."""


@dataclass(frozen=True, slots=True)
class DetectionScores:
    """COCO's average precision, in [0, 1]; ``nan`` where there is no truth to find.

    Attributes:
        ap: mean over classes and over IoU thresholds 0.50, 0.55, ..., 0.95.
        ap50: at IoU 0.50.
        ap75: at IoU 0.75.
        ap_small: of truth below 32 x 32 square pixels.
        ap_medium: of truth from there to 96 x 96 square pixels.
        ap_large: of larger truth.
        ar100: mean recall with at most 100 detections per image.
        class_ap: ``ap`` of each class.
        class_ap50: ``ap50`` of each class.
        class_truth: how many true animals of each class counted.
        ignored: how many true animals did not count, because they are too low.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar100: float
    class_ap: Mapping[str, float]
    class_ap50: Mapping[str, float]
    class_truth: Mapping[str, int]
    ignored: int


def compute_detection_ap(
    truth: Sequence[Detections],
    predictions: Sequence[Detections],
    class_names: Sequence[str],
    *,
    iou_type: Literal["bbox", "segm"],
    min_height_px: float = 0,
) -> DetectionScores:
    """Average precision over a set of images.

    Sizes (small, medium, large) are areas of boxes for ``bbox`` and of masks for ``segm``.

    Args:
        truth: one per image: boxes, labels and, for ``segm``, masks of what is visible; scores play no part.
        predictions: one per image, in the same order.
        class_names: what the labels of both index.
        iou_type: overlap of boxes or of masks.
        min_height_px: true animals whose visible box is lower are neither wanted nor wrong to find, and
            predictions that are lower and match no animal are not counted as wrong.

    Raises:
        ValueError: if there are not as many predictions as images, a label has no name, or masks are missing.
    """
    matches = match_detections(
        truth, predictions, class_names, iou_type=iou_type, min_height_px=min_height_px
    )
    figures = pool_detection([matches], np.ones((1, 1), np.int64), class_names)
    value = {name: float(figure[0]) for name, figure in figures.items()}
    wanted = matches.wanted[0].tolist()
    of_all = ("ap", "ap50", "ap75", *(f"ap_{size}" for size in SIZES[1:]), "ar100")
    return DetectionScores(
        **{name: value[name] for name in of_all},
        class_ap={name: value[f"ap_of/{name}"] for name in class_names},
        class_ap50={name: value[f"ap50_of/{name}"] for name in class_names},
        class_truth=dict(zip(class_names, wanted, strict=True)),
        ignored=sum(map(len, truth)) - sum(wanted),
    )


def match_detections(
    truth: Sequence[Detections],
    predictions: Sequence[Detections],
    class_names: Sequence[str],
    *,
    iou_type: Literal["bbox", "segm"],
    min_height_px: float = 0,
    crowds: Sequence[Bool] | None = None,
    speeds: Sequence[Int64] | None = None,
) -> Matches:
    """Match the detections of one video's images to what is to be found there.

    Args:
        truth: as in `compute_detection_ap`, as are the others.
        predictions: one per image.
        class_names: what the labels index.
        iou_type: overlap of boxes or of masks.
        min_height_px: lower animals do not count.
        crowds: for each image (N,) bool, which of its truth is a group of animals that nobody told apart:
            it is not wanted, and whatever lies within it is not wrong (COCO's ``iscrowd``). None: nothing is.
        speeds: for each image (N,) int64, which of `SPEEDS` each of its truth has; -1: nobody knows, so it
            counts for none. A detection that matches nothing is a false alarm at the speed of the animal,
            of whatever class, that its box overlaps most; where it overlaps none, at each speed. None:
            speeds are not told apart.

    Returns:
        Levels: each of `SIZES`, and of `SPEEDS` where these are told apart, at each of `IOU_THRESHOLDS`. At
        most 100 detections per image and class.

    Raises:
        ValueError: as `compute_detection_ap`.
    """
    if len(truth) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(truth)} images")
    gts = [_entries(d, image, class_names, iou_type, min_height_px) for image, d in enumerate(truth)]
    dts = [_entries(d, image, class_names, iou_type, min_height_px) for image, d in enumerate(predictions)]
    for entries, marks in zip(gts, crowds or (), strict=crowds is not None):
        for entry, crowd in zip(entries, marks.tolist(), strict=True):
            entry |= {"iscrowd": int(crowd), "excused": entry["excused"] or crowd}
    for image, of_truth in enumerate(speeds or ()):
        _add_speeds(gts[image], of_truth.tolist())
        _add_speeds(dts[image], _speeds_found(predictions[image], truth[image], of_truth))
    subsets = range(len(SPEEDS) if speeds is not None else 0)
    evaluation = _Evaluation(_flat(gts), _flat(dts), len(truth), len(class_names), iou_type, subsets)
    return _to_matches(evaluation, len(truth), len(class_names))


def pool_detection(
    matches: Sequence[Matches], weights: Int64, class_names: Sequence[str]
) -> dict[str, Float64]:
    """COCO's figures for each way to weigh the videos.

    Args:
        matches: of V videos.
        weights: (R, V) how often each video counts.
        class_names: of the labels.

    Returns:
        The names of `DetectionScores`, and ``ap_of/CLASS`` and ``ap50_of/CLASS``, each to (R,) values; where
        speeds were told apart, for each of `SPEEDS` also ``ap_by_speed/SPEED``, ``ap50_by_speed/SPEED``, and
        ``truth_by_speed/SPEED``, how many true boxes that speed has.
    """
    subsets = -1 if class_names else len(SIZES)  # nothing does not tell how it is divided
    shape = (len(weights), subsets, len(IOU_THRESHOLDS), len(class_names))
    ap = pool_average_precision(matches, weights).reshape(shape)
    recall = pool_recall(matches, weights).reshape(shape)
    return {
        "ap": mean_known(ap[:, 0], axis=(1, 2)),
        "ap50": mean_known(ap[:, 0, 0], axis=1),
        "ap75": mean_known(ap[:, 0, 5], axis=1),
        **{f"ap_{size}": mean_known(ap[:, k], axis=(1, 2)) for k, size in enumerate(SIZES) if k},
        "ar100": mean_known(recall[:, 0], axis=(1, 2)),
        **{f"ap_of/{name}": mean_known(ap[:, 0, :, k], axis=1) for k, name in enumerate(class_names)},
        **{f"ap50_of/{name}": ap[:, 0, 0, k] for k, name in enumerate(class_names)},
        **_by_speed(ap[:, len(SIZES) :], matches, weights),
    }


def _by_speed(ap: Float64, matches: Sequence[Matches], weights: Int64) -> dict[str, Float64]:
    """The figures of the speeds that were told apart: all of them or none.

    Args:
        ap: (R, 3 or 0, IoU thresholds, classes).
        matches: of V videos.
        weights: (R, V).
    """
    figures: dict[str, Float64] = {}
    for k, speed in enumerate(SPEEDS[: ap.shape[1]]):
        level = (len(SIZES) + k) * len(IOU_THRESHOLDS)
        wanted = np.array([one.wanted[level].sum() for one in matches], np.int64)
        figures[f"ap_by_speed/{speed}"] = mean_known(ap[:, k], axis=(1, 2))
        figures[f"ap50_by_speed/{speed}"] = mean_known(ap[:, k, 0], axis=1)
        figures[f"truth_by_speed/{speed}"] = (weights @ wanted).astype(np.float64)
    return figures


class _Evaluation(COCOeval):  # type: ignore[misc]  # pycocotools has no types
    """COCOeval fed from memory, with truth that is ignored for its height or speed."""

    def __init__(
        self,
        gts: list[_Entry],
        dts: list[_Entry],
        num_images: int,
        num_classes: int,
        iou_type: str,
        speeds: Sequence[int],
    ) -> None:
        super().__init__(iouType=iou_type)
        self.params.imgIds = list(range(num_images))
        self.params.catIds = list(range(num_classes))
        everything = self.params.areaRng[0]
        self.params.areaRng = [
            *((low, high, None) for low, high in self.params.areaRng),
            *((*everything, speed) for speed in speeds),
        ]
        self._given = _numbered(gts), _numbered(dts)
        self._found = {entry["id"]: entry for entry in dts}
        with redirect_stdout(StringIO()):  # it reports its progress
            self.evaluate()

    def _prepare(self) -> None:
        # In place of COCOeval's own, which reads COCO objects and lets 'iscrowd' overwrite 'ignore'.
        self._gts, self._dts = (_grouped(entries) for entries in self._given)
        self.evalImgs: list[Any] = []
        self.eval: dict[str, Any] = {}

    def evaluateImg(  # noqa: N802  # COCOeval's name
        self, image: int, label: int, subset: tuple[float, float, int | None], most: int
    ) -> dict[str, Any] | None:
        """One image and class: excused predictions that match nothing do not count."""
        low, high, speed = subset
        for entry in self._gts[image, label]:
            entry["ignore"] = _is_excused(entry, speed)
        result: dict[str, Any] | None = super().evaluateImg(image, label, (low, high), most)
        if result is not None:
            excused = np.array([_is_excused(self._found[i], speed) for i in result["dtIds"]], bool)
            result["dtIgnore"] |= (result["dtMatches"] == 0) & excused
        return result


def _is_excused(entry: _Entry, speed: int | None) -> bool:
    """Whether an entry is neither wanted nor wrong, where animals of one speed (None: all) are looked for."""
    return bool(entry["excused"] or (speed is not None and entry["speed"] not in (None, speed)))


def _add_speeds(entries: list[_Entry], speeds: Sequence[int | None]) -> None:
    for entry, speed in zip(entries, speeds, strict=True):
        entry["speed"] = speed


def _speeds_found(found: Detections, truth: Detections, speeds: Int64) -> list[int | None]:
    """The speed of the animal that each detection overlaps most; None where it overlaps none.

    Thus the original shares out false alarms, but for those that overlap nothing: of these it counts, at a
    speed, a fraction that depends on what else is in the frame.
    """
    if len(truth) == 0:
        return [None] * len(found)
    overlap = box_iou(found.boxes, truth.boxes)
    nearest, overlaps = speeds[overlap.argmax(axis=1)].tolist(), overlap.max(axis=1).tolist()
    return [speed if iou > 0 else None for speed, iou in zip(nearest, overlaps, strict=True)]


def _entries(
    detections: Detections, image: int, class_names: Sequence[str], iou_type: str, min_height_px: float
) -> list[_Entry]:
    """COCO annotations of one image."""
    if len(detections) and not 0 <= detections.labels.min() <= detections.labels.max() < len(class_names):
        raise ValueError(f"labels of image {image} are not within the {len(class_names)} classes")
    if iou_type == "segm" and detections.masks is None:
        raise ValueError(f"image {image} has no masks, which 'segm' compares")
    xywh = xyxy_to_xywh(detections.boxes).astype(float)
    areas = box_area(detections.boxes).astype(float)
    entries = [
        {
            "image_id": image,
            "category_id": int(detections.labels[i]),
            "score": float(detections.scores[i]),
            "bbox": xywh[i].tolist(),
            "area": float(areas[i]),
            "iscrowd": 0,
            "excused": bool(xywh[i, 3] < min_height_px),
        }
        for i in range(len(detections))
    ]
    if iou_type == "segm" and detections.masks is not None:
        for entry, mask in zip(entries, detections.masks, strict=True):
            entry |= {"segmentation": to_coco(mask), "area": float(mask_area(mask))}
    return entries


def _flat(lists: list[list[_Entry]]) -> list[_Entry]:
    return [entry for entries in lists for entry in entries]


def _numbered(entries: list[_Entry]) -> list[_Entry]:
    """Number from 1: COCOeval reads 0 as 'matches nothing'."""
    for number, entry in enumerate(entries, start=1):
        entry["id"] = number
    return entries


def _grouped(entries: list[_Entry]) -> _Groups:
    groups: _Groups = defaultdict(list)
    for entry in entries:
        groups[entry["image_id"], entry["category_id"]].append(entry)
    return groups


def _to_matches(evaluation: _Evaluation, num_images: int, num_classes: int) -> Matches:
    """COCOeval's results: a list by class, subset and image of what was matched at each threshold."""
    subsets = len(evaluation.params.areaRng)
    wanted = np.zeros((subsets * len(IOU_THRESHOLDS), num_classes), np.int64)
    scores: list[Float64] = [np.zeros(0)]
    labels: list[Int64] = [np.zeros(0, np.int64)]
    hits: list[Bool] = [np.zeros((len(wanted), 0), bool)]
    alarms: list[Bool] = [np.zeros((len(wanted), 0), bool)]
    for label in range(num_classes):
        for image in range(num_images):
            first = label * subsets * num_images + image
            results = evaluation.evalImgs[first : first + subsets * num_images : num_images]
            if results[0] is None:
                continue
            matched = np.concatenate([result["dtMatches"] > 0 for result in results])
            ignored = np.concatenate([result["dtIgnore"] for result in results]).astype(bool)
            counted = [np.count_nonzero(result["gtIgnore"] == 0) for result in results]
            scores.append(np.array(results[0]["dtScores"], np.float64))
            labels.append(np.full(len(scores[-1]), label, np.int64))
            hits.append(matched & ~ignored)
            alarms.append(~matched & ~ignored)
            wanted[:, label] += np.repeat(counted, len(IOU_THRESHOLDS))
    return Matches(
        np.concatenate(scores),
        np.concatenate(labels),
        np.concatenate(hits, axis=1),
        np.concatenate(alarms, axis=1),
        wanted,
    )
