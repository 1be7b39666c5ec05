"""Average precision of detections, as COCO defines it, computed by ``pycocotools``.

Reference: Lin et al. 2014, Microsoft COCO: Common Objects in Context; https://cocodataset.org/#detection-eval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from wildact.boxes import box_area, xyxy_to_xywh
from wildact.masks import mask_area, to_coco
from wildact.types import Detections

_Entry = dict[str, Any]
_Groups = dict[tuple[int, int], list[_Entry]]


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
    if len(truth) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(truth)} images")
    gts = [_entries(d, image, class_names, iou_type, min_height_px) for image, d in enumerate(truth)]
    dts = [_entries(d, image, class_names, iou_type, min_height_px) for image, d in enumerate(predictions)]
    evaluation = _Evaluation(_flat(gts), _flat(dts), len(truth), len(class_names), iou_type)
    return _summarize(evaluation, class_names, _flat(gts))


class _Evaluation(COCOeval):  # type: ignore[misc]  # pycocotools has no types
    """COCOeval fed from memory, with truth that is ignored for its height."""

    def __init__(
        self, gts: list[_Entry], dts: list[_Entry], num_images: int, num_classes: int, iou_type: str
    ) -> None:
        super().__init__(iouType=iou_type)
        self.params.imgIds = list(range(num_images))
        self.params.catIds = list(range(num_classes))
        self._given = _numbered(gts), _numbered(dts)
        self._low_ids = {d["id"] for d in dts if d["ignore"]}
        with redirect_stdout(StringIO()):  # both report their progress
            self.evaluate()
            self.accumulate()

    def _prepare(self) -> None:
        # In place of COCOeval's own, which reads COCO objects and lets 'iscrowd' overwrite 'ignore'.
        self._gts, self._dts = (_grouped(entries) for entries in self._given)
        self.evalImgs: list[Any] = []
        self.eval: dict[str, Any] = {}

    def evaluateImg(self, *args: Any) -> dict[str, Any] | None:  # noqa: N802  # COCOeval's name
        """One image and class: predictions that are too low and match nothing do not count."""
        result: dict[str, Any] | None = super().evaluateImg(*args)
        if result is not None:
            low = np.array([i in self._low_ids for i in result["dtIds"]], bool)
            result["dtIgnore"] |= (result["dtMatches"] == 0) & low
        return result


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
            "ignore": bool(xywh[i, 3] < min_height_px),
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


def _summarize(evaluation: _Evaluation, class_names: Sequence[str], gts: list[_Entry]) -> DetectionScores:
    """Means over COCOeval's precision (IoU, recall, class, size, limit) and recall (all but recall).

    The limit is of detections per image; the last one is 100.
    """
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    counted = [entry["category_id"] for entry in gts if not entry["ignore"]]
    return DetectionScores(
        ap=_mean(precision[:, :, :, 0, -1]),
        ap50=_mean(precision[0, :, :, 0, -1]),
        ap75=_mean(precision[5, :, :, 0, -1]),
        ap_small=_mean(precision[:, :, :, 1, -1]),
        ap_medium=_mean(precision[:, :, :, 2, -1]),
        ap_large=_mean(precision[:, :, :, 3, -1]),
        ar100=_mean(recall[:, :, 0, -1]),
        class_ap={name: _mean(precision[:, :, k, 0, -1]) for k, name in enumerate(class_names)},
        class_ap50={name: _mean(precision[0, :, k, 0, -1]) for k, name in enumerate(class_names)},
        class_truth={name: counted.count(k) for k, name in enumerate(class_names)},
        ignored=len(gts) - len(counted),
    )


def _mean(values: NDArray[np.float64]) -> float:
    """Mean without COCOeval's -1, which marks classes that have no truth."""
    known = values[values > -1]
    return float(known.mean()) if known.size else float("nan")
