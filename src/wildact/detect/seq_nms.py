"""Seq-NMS: detections that line up over many frames raise each other's scores, and lone ones do not.

For a whole video, class by class: the sequence of overlapping boxes with the highest sum of scores is taken,
all its boxes get their mean score, boxes that overlap them on their frames go, and so on.

Reference: Han et al. 2016, Seq-NMS for Video Object Detection; thresholds as in the public code of Zhu et al.
2017.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from wildact.boxes import box_iou
from wildact.types import Detections, Float32, Float64, Int64

LINK_IOU = 0.5
SUPPRESS_IOU = 0.3
MIN_SUM = 0.01

Path = list[tuple[int, int]]
"""Frame and box of each part of a sequence."""


def apply_seq_nms(
    frames: Sequence[Detections],
    *,
    link_iou: float = LINK_IOU,
    suppress_iou: float = SUPPRESS_IOU,
    min_sum: float = MIN_SUM,
) -> list[Detections]:
    """Rescore and thin out the detections of a whole video.

    The paper puts it in the place of the suppression within each frame; what went through that is rescored.

    Args:
        frames: what was found, frame after frame.
        link_iou: boxes of one class on neighbouring frames may follow each other from this overlap on.
        suppress_iou: boxes on the frames of a sequence go from this overlap with its box on.
        min_sum: when no sequence has this sum of scores, what is left goes.

    Returns:
        For each frame the boxes that were taken, by falling score.
    """
    taken: list[list[tuple[float, int]]] = [[] for _ in frames]
    for label in sorted({int(label) for found in frames for label in found.labels}):
        places = [np.flatnonzero(found.labels == label) for found in frames]
        own = [found.select(place) for found, place in zip(frames, places, strict=True)]
        sequences = _Sequences([f.boxes for f in own], [f.scores.astype(np.float64) for f in own], link_iou)
        for path, mean in sequences.take(suppress_iou, min_sum):
            for frame, box in path:
                taken[frame].append((mean, int(places[frame][box])))
    return [_rescore(found, chosen) for found, chosen in zip(frames, taken, strict=True)]


def _rescore(found: Detections, chosen: list[tuple[float, int]]) -> Detections:
    chosen = sorted(chosen, reverse=True)
    kept = found.select(np.array([place for _, place in chosen], np.int64))
    scores = np.array([mean for mean, _ in chosen], np.float32)
    return Detections(boxes=kept.boxes, scores=scores, labels=kept.labels, masks=kept.masks)


class _Sequences:
    """The boxes of one class on F frames, and for each the best sequence that ends in it.

    Attributes:
        sums: F of (N,), the sum of that sequence's scores; -inf where the box is gone.
        before: F of (N,), its box on the frame before; -1 where it begins here.
    """

    def __init__(self, boxes: list[Float32], scores: list[Float64], link_iou: float) -> None:
        self.boxes, self.scores = boxes, scores
        self.links = [box_iou(a, b) >= link_iou for a, b in pairwise(boxes)]
        self.alive = [np.ones(len(b), bool) for b in boxes]
        self.sums: list[Float64] = [np.zeros(len(b)) for b in boxes]
        self.before: list[Int64] = [np.full(len(b), -1, np.int64) for b in boxes]
        self._update(0, len(boxes))

    def take(self, suppress_iou: float, min_sum: float) -> Iterator[tuple[Path, float]]:
        """Take the best sequence with the mean of its scores, again and again."""
        while path := self._best(min_sum):
            yield path, float(np.mean([self.scores[frame][box] for frame, box in path]))
            for frame, box in path:
                boxes = self.boxes[frame]
                self.alive[frame] &= box_iou(boxes[box : box + 1], boxes)[0] < suppress_iou
                self.alive[frame][box] = False  # also where it has no area, and overlaps nothing
            self._update(path[0][0], path[-1][0] + 1)

    def _update(self, start: int, end: int) -> None:
        """Follow changes of the frames from ``start`` to ``end``, and on until nothing changes any more."""
        for frame in range(start, len(self.sums)):
            old = self.sums[frame]
            sums, before = self.scores[frame].copy(), np.full(len(old), -1, np.int64)
            if frame and len(old) and len(self.sums[frame - 1]):
                reach = np.where(self.links[frame - 1], self.sums[frame - 1][:, None], -np.inf)
                gain = reach.max(axis=0)
                before = np.where(gain > 0, reach.argmax(axis=0), -1)
                sums += np.maximum(gain, 0)
            self.sums[frame] = np.where(self.alive[frame], sums, -np.inf)
            self.before[frame] = before
            if frame >= end and np.array_equal(old, self.sums[frame]):
                return

    def _best(self, min_sum: float) -> Path:
        """The sequence with the highest sum, its first frame first; empty where none reaches ``min_sum``."""
        tops = [float(sums.max(initial=-np.inf)) for sums in self.sums]
        frame = int(np.argmax(tops))
        if tops[frame] < min_sum:
            return []
        box, path = int(self.sums[frame].argmax()), []
        while box >= 0:
            path.append((frame, box))
            frame, box = frame - 1, int(self.before[frame][box])
        return path[::-1]
