"""Detections of all frames to tracks.

ByteTrack (by the `trackers` library) links boxes from frame to frame, whatever species they were called;
`tracklets` then mends, fills and names what it linked.

Reference: Zhang et al. 2022, ByteTrack: Multi-Object Tracking by Associating Every Detection Box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker
from trackers.utils.iou import BIoU

from wildact import defaults
from wildact.boxes import box_iou
from wildact.masks import mask_overlap
from wildact.track.tracklets import Tracklet, finish_tracks, merge_tracklets
from wildact.types import Detections, Float32, Float64, Int64, Track

PATIENCE = 3
"""An animal may be missed on fewer frames in a row than this, however seldom the detector looks."""

RECENT_S = 1.0
"""An animal that was seen so lately may still be where it was, behind another one."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How detections become tracks; times in seconds, so that they hold at any frame rate.

    Attributes:
        low_score: detections below are not used at all.
        high_score: detections from here on are linked first, and may begin a track.
        duplicate_iou: of two boxes that overlap more, the one with the lower score goes: a detector may call
            one animal two species.
        duplicate_overlap: of two masks that share more of the smaller one, the one with the lower score goes:
            animals hide each other, but no pixel shows two of them ...
        hidden_iou: ... unless its box overlaps so much with that of an animal of the last moment, and no
            other box does better: where animals pass each other, masks of the hidden one spill over.
        min_iou: least overlap of a box with where a track is expected, both made larger by a tenth on each
            side.
        lost_s: a track that is not seen for longer ends.
        merge_s: a track that begins so soon after another ended nearby is the same animal.
        fill_s: an animal that is missed for no longer has boxes between its detections.
        min_detections: tracks with fewer are taken for false alarms ...
        sure_s: ... unless they last so long, as in videos of one frame per second. Thrice this of sure
            detections make a track, however long the animal is half hidden besides.
    """

    low_score: float = 0.1
    high_score: float = 0.8
    duplicate_iou: float = 0.65
    duplicate_overlap: float = 0.65
    hidden_iou: float = 0.75
    min_iou: float = 0.2
    lost_s: float = 2.0
    merge_s: float = 2.5
    fill_s: float = 0.5
    min_detections: int = 3
    sure_s: float = 1.0


def track_detections(
    frames: Int64,
    detections: Sequence[Detections],
    times_s: Float64,
    class_names: Sequence[str],
    settings: TrackerSettings | None = None,
    *,
    min_score: float = defaults.MIN_SCORE,
) -> tuple[Track, ...]:
    """Link detections into tracks, and fill the frames between.

    Args:
        frames: (D,) frames of the video on which the detector ran, increasing; not necessarily all.
        detections: D lists of what was found.
        times_s: (F,) times of all frames of the video.
        class_names: what ``Detections.labels`` index.
        settings: thresholds.
        min_score: half of a track's detections need this score, or those of thrice ``sure_s``: what is an
            animal on single frames only is none.

    Returns:
        Tracks numbered from 1 in order of their first frame.
    """
    interval_s = _interval_s(frames, times_s)
    settings = _fitted(settings or TrackerSettings(), min_score, interval_s)
    tracklets = _link(frames, detections, times_s, settings, min_score)
    merged = merge_tracklets(tracklets, times_s, settings.merge_s)
    chosen = [
        tracklet
        for tracklet in merged
        if _is_sure(tracklet, min_score, settings.sure_s, interval_s)
        and (
            tracklet.duration_s(times_s) >= settings.sure_s
            or len(tracklet.frames) >= min(settings.min_detections, len(frames))
        )
    ]
    return finish_tracks(chosen, times_s, class_names, fill_s=settings.fill_s)


def _is_sure(tracklet: Tracklet, min_score: float, sure_s: float, interval_s: float) -> bool:
    """Whether half of the detections are sure, or so many that the rest is an animal half hidden."""
    sure = int((tracklet.scores >= min_score).sum())
    return 2 * sure >= len(tracklet.scores) or sure * interval_s >= 3 * sure_s


def _fitted(settings: TrackerSettings, min_score: float, interval_s: float) -> TrackerSettings:
    """Thresholds below the score that is asked for, and patience for a few of the detector's intervals."""
    return replace(
        settings,
        low_score=min(settings.low_score, min_score),
        lost_s=max(settings.lost_s, PATIENCE * interval_s),
        merge_s=max(settings.merge_s, PATIENCE * interval_s),
        fill_s=max(settings.fill_s, PATIENCE * interval_s),
    )


def _interval_s(frames: Int64, times_s: Float64) -> float:
    """Seconds from one detection to the next; 0 where there is but one."""
    return float(np.median(np.diff(times_s[frames]))) if len(frames) > 1 else 0.0


def suppress_duplicates(
    found: Detections, settings: TrackerSettings, followed: Sequence[Float32] = ()
) -> Detections:
    """One box for each animal, whatever species it was called; boxes below ``low_score`` go.

    Args:
        found: on one frame.
        settings: thresholds.
        followed: A of (4,) float32 xyxy, where animals were a moment ago, see ``hidden_iou``.
    """
    order = np.argsort(-found.scores, kind="stable")
    order = order[found.scores[order] >= settings.low_score]
    same_box = box_iou(found.boxes, found.boxes) > settings.duplicate_iou
    shared = np.zeros_like(same_box)
    if found.masks is not None:
        shared = mask_overlap(found.masks, found.masks) > settings.duplicate_overlap
    near = box_iou(found.boxes, np.reshape(followed, (-1, 4)).astype(np.float32))
    kept: list[int] = []
    for i in order.tolist():
        spills = shared[i, kept].any() and not _is_hidden(near, i, kept, settings.hidden_iou)
        if not (same_box[i, kept].any() or spills):
            kept.append(i)
    return found.select(np.array(kept, np.int64))


def _is_hidden(near: Float32, box: int, surer: list[int], least: float) -> bool:
    """Whether a box lies on a followed animal on which no surer box lies: ``near`` are (N, A) overlaps."""
    if not near.shape[1] or near[box].max() < least:
        return False
    animal = near[box].argmax()
    return not any(near[k].argmax() == animal and near[k, animal] > 0 for k in surer)


def _link(
    frames: Int64,
    detections: Sequence[Detections],
    times_s: Float64,
    settings: TrackerSettings,
    min_score: float,
) -> list[Tracklet]:
    """ByteTrack's tracks, of what is no duplicate.

    Its thresholds count frames at 30 per second, its clock is told the times.
    """
    high = min(settings.high_score, min_score)
    tracker = ByteTrackTracker(
        lost_track_buffer=max(1, round(30 * settings.lost_s)),
        frame_rate=_frame_rate(frames, times_s),
        track_activation_threshold=high,
        minimum_consecutive_frames=1,
        minimum_iou_threshold=settings.min_iou,
        high_conf_det_threshold=high,
        iou=BIoU(),  # what is hidden in part is seen in boxes that jump
    )
    linked: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    loose: list[int] = []  # of the frame before: detections that belong to no track yet
    recent: dict[int, tuple[float, Float32]] = {}  # when and where animals were seen last, of late only
    kept: list[Detections] = []
    for place, every in enumerate(detections):
        time_s = float(times_s[frames[place]])
        recent = {k: (seen_s, box) for k, (seen_s, box) in recent.items() if time_s - seen_s <= RECENT_S}
        found = suppress_duplicates(every, settings, [box for _, box in recent.values()])
        kept.append(found)
        answer = tracker.update(
            sv.Detections(
                xyxy=found.boxes.astype(np.float64),
                confidence=found.scores,
                data={"index": np.arange(len(found))},
            ),
            timestamp=time_s,
        )
        before, loose = loose, []
        for track_id, index in zip(
            _numbers(answer.tracker_id), _numbers(answer.data.get("index")), strict=True
        ):
            if track_id < 0:
                loose.append(index)
                continue
            if track_id not in linked and place > 0:
                linked[track_id] += _beginning(place, found.boxes[index], kept[place - 1], before)
            linked[track_id].append((place, index))
            recent[track_id] = (time_s, found.boxes[index])
    single = [[(0, i)] for i in range(len(kept[0]))] if len(kept) == 1 else []
    return [_tracklet(links, frames, kept) for links in [*linked.values(), *single]]


def _beginning(place: int, box: Float32, earlier: Detections, loose: list[int]) -> list[tuple[int, int]]:
    """The detection that began a track: the library numbers a track from its second one on only.

    It is taken out of ``loose``: no detection belongs to two tracks.
    """
    if not loose:
        return []
    overlap = box_iou(earlier.boxes[loose], box[None])[:, 0]
    return [(place - 1, loose.pop(int(overlap.argmax())))] if overlap.max() > 0 else []


def _numbers(values: Any) -> list[int]:
    """The library gives None, a list or an array."""
    return [] if values is None else [int(value) for value in values]


def _frame_rate(frames: Int64, times_s: Float64) -> float:
    """Detections per second."""
    interval_s = _interval_s(frames, times_s)
    return 1 / max(interval_s, 1e-3) if interval_s else 30.0


def _tracklet(links: list[tuple[int, int]], frames: Int64, detections: Sequence[Detections]) -> Tracklet:
    found = [(int(frames[place]), detections[place], index) for place, index in links]
    return Tracklet(
        frames=np.array([frame for frame, _, _ in found], np.int64),
        boxes=np.stack([d.boxes[i] for _, d, i in found]),
        scores=np.array([d.scores[i] for _, d, i in found], np.float32),
        labels=np.array([d.labels[i] for _, d, i in found], np.int64),
        masks=tuple(None if d.masks is None else d.masks[i] for _, d, i in found),
    )
