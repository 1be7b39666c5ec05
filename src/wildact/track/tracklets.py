"""Mend what the tracker linked: join pieces, steady boxes, vote on the species, fill the frames between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wildact.boxes import interpolate_boxes
from wildact.track.smooth import steady_boxes
from wildact.types import Float32, Float64, Int64, Rle, Track

RECENT_S = 0.6
"""Stretch of a track's end from which its speed is taken."""

OVERLAP_S = 0.5
"""Two pieces of one animal are side by side for so long: the old one keeps a part, the new one has it all."""

MOST_GROWTH = 4.5
"""Of one animal, the larger box is at most so many times as wide: it may begin as a head behind a tree."""

REACH_SIZES, REACH_SIZES_PER_S = 2.0, 0.5
"""How far from where it is expected an animal may turn up, in its sizes: at once, and per second unseen."""

SMOOTHING_S = 0.1
"""Width of the bell by which boxes are steadied: those of the moments around count, further ones less."""


@dataclass(frozen=True, slots=True)
class Tracklet:
    """Detections that belong together, before they are a `Track`.

    Attributes:
        frames: (T,) int64, strictly increasing.
        boxes: (T, 4) float32 xyxy pixels.
        scores: (T,) float32.
        labels: (T,) int64 indices of classes.
        masks: T masks, or None.
    """

    frames: Int64
    boxes: Float32
    scores: Float32
    labels: Int64
    masks: tuple[Rle | None, ...]

    def duration_s(self, times_s: Float64) -> float:
        """Seconds from the first to the last detection."""
        return float(times_s[self.frames[-1]] - times_s[self.frames[0]])

    def vote(self) -> tuple[int, float]:
        """Class with the largest sum of scores, and its share of all."""
        votes = np.bincount(self.labels, weights=self.scores)
        best = int(votes.argmax())
        return best, float(votes[best] / max(votes.sum(), 1e-9))


def merge_tracklets(tracklets: Sequence[Tracklet], times_s: Float64, merge_s: float) -> list[Tracklet]:
    """Join pieces of one animal's path, as when it passed behind a tree.

    A piece continues an earlier one of the same species if it begins within ``merge_s`` after its end, near
    the place to which the earlier one was moving; or a moment before its end, where it was then. The nearest
    pieces are joined first.

    Args:
        tracklets: in any order.
        times_s: (F,) times of all frames of the video.
        merge_s: longest time unseen.
    """
    pieces = sorted(tracklets, key=lambda t: (int(t.frames[0]), int(t.frames[-1])))
    starts_s = times_s[[int(piece.frames[0]) for piece in pieces]]
    links: list[tuple[float, int, int]] = []
    for i, earlier in enumerate(pieces):
        end_s = times_s[earlier.frames[-1]]
        first, last = np.searchsorted(starts_s, [end_s - OVERLAP_S, end_s + merge_s], side="right").tolist()
        near = range(max(first, i + 1), last)
        costs = ((_join_cost(earlier, pieces[j], times_s, merge_s), j) for j in near)
        links += [(cost, i, j) for cost, j in costs if cost is not None]
    following: dict[int, int] = {}
    continued: set[int] = set()
    for _, i, j in sorted(links):  # a piece goes on in one other at most, and continues one at most
        if i not in following and j not in continued:
            following[i] = j
            continued.add(j)
    return [_join_chain(i, following, pieces) for i in range(len(pieces)) if i not in continued]


def _join_chain(first: int, following: dict[int, int], pieces: Sequence[Tracklet]) -> Tracklet:
    """A piece and all that follow it; of two detections on one frame the surer one."""
    chain = [pieces[first]]
    while first in following:
        first = following[first]
        chain.append(pieces[first])
    frames = np.concatenate([piece.frames for piece in chain])
    scores = np.concatenate([piece.scores for piece in chain])
    order = np.lexsort((-scores, frames))
    order = order[np.diff(frames[order], prepend=-1) > 0]
    masks = [mask for piece in chain for mask in piece.masks]
    return Tracklet(
        frames=frames[order],
        boxes=np.concatenate([piece.boxes for piece in chain])[order],
        scores=scores[order],
        labels=np.concatenate([piece.labels for piece in chain])[order],
        masks=tuple(masks[i] for i in order.tolist()),
    )


def _join_cost(earlier: Tracklet, later: Tracklet, times_s: Float64, merge_s: float) -> float | None:
    """How far off the later piece begins, in sizes of the animal, plus seconds; None: another animal."""
    gap_s = float(times_s[later.frames[0]] - times_s[earlier.frames[-1]])
    if gap_s > merge_s or earlier.vote()[0] != later.vote()[0]:
        return None
    if gap_s <= 0 and later.frames[-1] <= earlier.frames[-1]:
        return None
    # the earlier one as it was when the later one began, or at its end
    place = max(0, int(np.searchsorted(earlier.frames, later.frames[0], side="right")) - 1)
    before, after = earlier.boxes[place], later.boxes[0]
    sizes = [float(np.sqrt(np.prod(box[2:] - box[:2]))) for box in (before, after)]
    if MOST_GROWTH * min(sizes) < max(sizes):
        return None
    gap_s = max(gap_s, 0.0)
    start, end = _centre(after), _centre(before)
    forward = end + _velocity(earlier, times_s, last=True) * gap_s
    backward = start - _velocity(later, times_s, last=False) * gap_s
    off = min(np.linalg.norm(forward - start), np.linalg.norm(backward - end), np.linalg.norm(end - start))
    if off > (REACH_SIZES + REACH_SIZES_PER_S * gap_s) * max(sizes):
        return None
    return float(off / max(*sizes, 1e-6) + gap_s)


def _centre(box: Float32) -> Float64:
    return np.asarray((box[:2] + box[2:]) / 2, np.float64)


def _velocity(tracklet: Tracklet, times_s: Float64, *, last: bool) -> Float64:
    """Pixels per second at the end or the beginning of a piece."""
    times = times_s[tracklet.frames]
    near = times >= times[-1] - RECENT_S if last else times <= times[0] + RECENT_S
    if near.sum() < 2:
        return np.zeros(2)
    chosen = np.flatnonzero(near)
    moved = _centre(tracklet.boxes[chosen[-1]]) - _centre(tracklet.boxes[chosen[0]])
    return np.asarray(moved / max(times[chosen[-1]] - times[chosen[0]], 1e-6))


def finish_tracks(
    tracklets: Sequence[Tracklet], times_s: Float64, class_names: Sequence[str], *, fill_s: float
) -> tuple[Track, ...]:
    """Fill the frames between each tracklet's detections, name it by vote, and number them.

    Args:
        tracklets: the animals.
        times_s: (F,) times of all frames of the video; between detections boxes move evenly in time.
        class_names: what the labels index.
        fill_s: an animal that is not seen for longer is hidden, and has no boxes there.
    """
    ordered = sorted(tracklets, key=lambda t: (int(t.frames[0]), -float(t.scores.sum())))
    return tuple(_fill(i + 1, tracklet, times_s, class_names, fill_s) for i, tracklet in enumerate(ordered))


def _fill(
    track_id: int, tracklet: Tracklet, times_s: Float64, class_names: Sequence[str], fill_s: float
) -> Track:
    first = int(tracklet.frames[0])
    frames = _filled_frames(tracklet.frames, times_s, fill_s)
    since = (times_s[frames] - times_s[first]).astype(np.float32)
    places = np.searchsorted(frames, tracklet.frames)
    scores = np.full(len(frames), np.nan, np.float32)
    scores[places] = tracklet.scores
    masks: list[Rle | None] = [None] * len(frames)
    for place, mask in zip(places.tolist(), tracklet.masks, strict=True):
        masks[place] = mask
    steady = steady_boxes(times_s[tracklet.frames], tracklet.boxes, tracklet.scores, SMOOTHING_S)
    label, share = tracklet.vote()
    return Track(
        track_id=track_id,
        label=class_names[label],
        label_score=share,
        frames=frames,
        boxes=interpolate_boxes(since, since[places], steady),
        scores=scores,
        masks=tuple(masks),
    )


def _filled_frames(seen: Int64, times_s: Float64, fill_s: float) -> Int64:
    """The frames of detections, and those between two that are at most ``fill_s`` apart."""
    apart_s = np.diff(times_s[seen])
    stretches = [
        np.arange(start, end if apart <= fill_s else start + 1)
        for start, end, apart in zip(seen[:-1], seen[1:], apart_s, strict=True)
    ]
    return np.concatenate([*stretches, seen[-1:]])
