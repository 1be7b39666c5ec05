"""From boxes to crops: plan all clips of a video, then cut them in one pass over its frames.

Crops are squares, or have the proportions of the animal's box ("own aspect").

Within a clip the crops follow the animal, but all have one scale: the body's own movement and its change of
shape are what actions are recognised by, and a scale that breathes with the box would hide them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from wildact.boxes import interpolate_boxes
from wildact.clip.sample import sample_frames, sample_windows
from wildact.types import Clip, Float32, Float64, Frame, Image, Int64, Track

SIDE_STEP = 32
"""Sides of crops that are not square are multiples of this, the stride of most networks, pixels."""

MAX_ASPECT = 4.0

SMOOTH_S = 0.5
"""Default window of `smooth_boxes`: a few detections at 5 per second, less than a stride of a deer."""


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """Where a clip is to be cut from the video.

    Attributes:
        track_id: of the track.
        start_s: start of the stretch of time that the clip stands for.
        end_s: its end.
        frames: (T,) int64 frame of the video for each crop, never decreasing; may repeat.
        squares: (T, 3) float32 centre x, centre y and longer side of each crop, pixels of the video frame.
        aspect: width of the crops divided by their height; 1: squares.
    """

    track_id: int
    start_s: float
    end_s: float
    frames: Int64
    squares: Float32
    aspect: float = 1.0


def smooth_boxes(boxes: Float32, times_s: Float64, window_s: float = SMOOTH_S) -> Float32:
    """Moving average over time, so that the jitter of detected boxes does not shake the crops.

    Towards both ends the window shrinks with the distance to the end and so stays centred: a box that moves
    steadily is neither delayed nor held back.

    Args:
        boxes: (T, 4) float32.
        times_s: (T,) seconds, increasing; evenly spaced or not.
        window_s: length of the window in seconds; 0 leaves the boxes as they are.

    Returns:
        (T, 4) float32.
    """
    reach = np.minimum(window_s / 2, np.minimum(times_s - times_s[0], times_s[-1] - times_s)) + 1e-6
    start = np.searchsorted(times_s, times_s - reach, side="left")
    end = np.searchsorted(times_s, times_s + reach, side="right")
    total = np.concatenate([np.zeros((1, 4)), np.cumsum(boxes, axis=0, dtype=np.float64)])
    return np.asarray((total[end] - total[start]) / (end - start)[:, None], np.float32)


def clip_squares(boxes: Float32, *, context: float = 1.3) -> Float32:
    """Squares around the boxes of one clip, all of one side.

    Args:
        boxes: (T, 4) float32 xyxy pixels.
        context: side of the squares as a multiple of the largest side of any of the boxes.

    Returns:
        (T, 3) float32 centre x, centre y, side; the side is at least one pixel.
    """
    side = max(1.0, context * float((boxes[:, 2:] - boxes[:, :2]).max()))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centres, np.full((len(boxes), 1), side, np.float32)], axis=1)


def compute_aspect(boxes: Float32) -> float:
    """Return width divided by height of the smallest region that holds each of (T, 4) boxes; 1/4 to 4."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).max(axis=0).tolist()
    return float(np.clip(width / max(height, 1e-6), 1 / MAX_ASPECT, MAX_ASPECT))


def crop_shape(size: int, aspect: float) -> tuple[int, int]:
    """Return width and height of crops in pixels.

    Args:
        size: side of square crops; others have about as many pixels.
        aspect: width divided by height.

    Returns:
        Two multiples of `SIDE_STEP`, unless the crops are square.
    """
    if aspect == 1:
        return size, size
    sides = (size * math.sqrt(aspect), size / math.sqrt(aspect))
    width, height = (max(1, round(side / SIDE_STEP)) * SIDE_STEP for side in sides)
    return width, height


def crop_region(
    image: Image, centre: tuple[float, float], side: float, size: int, aspect: float = 1.0
) -> Image:
    """Cut out a square, or a rectangle of another aspect, and scale it.

    Args:
        image: (H, W, 3) uint8.
        centre: x, y of the region's centre in pixels; the centre of the top-left pixel is (0.5, 0.5).
        side: the region's longer side, pixels.
        size: see `crop_shape`.
        aspect: width of the region divided by its height.

    Returns:
        (h, w, 3) uint8, of `crop_shape`. A region that shrinks is cut at whole pixels of the image, which are
        less than one of the crop, and averaged over areas. One that grows is bilinear and exact to a fraction
        of a pixel, or the crops of a small, slow animal would jump. Outside the frame its border goes on.
    """
    sides = (side * min(1, aspect), side / max(1, aspect))
    shape = crop_shape(size, aspect)
    if round(max(sides)) > max(shape):
        return _shrink(image, centre, (max(1, round(sides[0])), max(1, round(sides[1]))), shape)
    step_x, step_y = (length / pixels for length, pixels in zip(sides, shape, strict=True))
    # OpenCV counts from the top-left pixel's centre
    x, y = (
        c - length / 2 + step / 2 - 0.5
        for c, length, step in zip(centre, sides, (step_x, step_y), strict=True)
    )
    to_image = np.array([[step_x, 0, x], [0, step_y, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(image, to_image, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _shrink(
    image: Image, centre: tuple[float, float], sides: tuple[int, int], shape: tuple[int, int]
) -> Image:
    """Several times as fast as a warp with enough samples to average over areas."""
    left, top = (round(c - side / 2) for c, side in zip(centre, sides, strict=True))
    across, down = sides
    height, width = image.shape[:2]
    x1, x2 = (min(max(x, 0), width) for x in (left, left + across))
    y1, y2 = (min(max(y, 0), height) for y in (top, top + down))
    if x1 == x2 or y1 == y2:  # wholly outside: the nearest pixels of the border
        x1, y1 = min(x1, width - 1), min(y1, height - 1)
        x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
        left, top = min(max(left, x2 - across), x1), min(max(top, y2 - down), y1)
    region: Any = image[y1:y2, x1:x2]
    if region.shape[:2] != (down, across):
        margins = (y1 - top, top + down - y2, x1 - left, left + across - x2)
        region = cv2.copyMakeBorder(region, *margins, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(region, shape, interpolation=cv2.INTER_AREA), np.uint8)


def plan_clips(
    track: Track,
    times_s: Float64,
    *,
    num_frames: int,
    rate: float,
    hop_s: float,
    context: float = 1.3,
    own_aspect: bool = False,
    smooth_s: float = SMOOTH_S,
) -> list[ClipPlan]:
    """Plan the clips that slide over a whole track.

    Args:
        track: may have gaps; there the boxes are interpolated.
        times_s: (F,) seconds of all frames of the video.
        num_frames: T, frames of a clip.
        rate: frames per second of a clip; a clip lasts ``num_frames / rate`` seconds.
        hop_s: seconds from one clip to the next; at least half the time from frame to frame, since more
            clips of a time-lapse would show the same.
        context: side of the crops as a multiple of the animal's largest box in the clip.
        own_aspect: crops have the proportions of the animal's box; else they are squares.
        smooth_s: window over which boxes are smoothed, seconds.

    Returns:
        At least one plan, in order of time.
    """
    if len(times_s) > 1:
        hop_s = max(hop_s, float(np.median(np.diff(times_s))) / 2)
    windows = sample_windows(*track.span_s(times_s), clip_s=num_frames / rate, hop_s=hop_s)
    return plan_clips_at(
        track,
        times_s,
        windows[:, 0],
        num_frames=num_frames,
        rate=rate,
        context=context,
        own_aspect=own_aspect,
        smooth_s=smooth_s,
    )


def plan_clips_at(
    track: Track,
    times_s: Float64,
    starts_s: Float64,
    *,
    num_frames: int,
    rate: float,
    context: float = 1.3,
    own_aspect: bool = False,
    smooth_s: float = SMOOTH_S,
) -> list[ClipPlan]:
    """Plan clips of a track that start at given times, as training does with random ones.

    Frames are chosen between the track's first and last only: a clip that reaches beyond repeats these,
    instead of showing a place where the animal is not.

    Args:
        track: may have gaps; there the boxes are interpolated.
        times_s: (F,) seconds of all frames of the video.
        starts_s: (K,) seconds at which the clips start.
        num_frames: T, frames of a clip.
        rate: frames per second of a clip.
        context: side of the crops as a multiple of the animal's largest box in the clip.
        own_aspect: crops have the proportions of the animal's box; else they are squares.
        smooth_s: window over which boxes are smoothed, seconds.

    Returns:
        K plans.
    """
    first, last = int(track.frames[0]), int(track.frames[-1])
    span_s = times_s[first : last + 1]
    boxes = smooth_boxes(_boxes_of_all_frames(track, span_s), span_s, smooth_s)
    plans = []
    for start_s in starts_s.tolist():
        chosen = sample_frames(span_s, start_s, num_frames=num_frames, rate=rate)
        squares = clip_squares(boxes[chosen], context=context)
        aspect = compute_aspect(boxes[chosen]) if own_aspect else 1.0
        plans.append(
            ClipPlan(track.track_id, start_s, start_s + num_frames / rate, first + chosen, squares, aspect)
        )
    return plans


def _boxes_of_all_frames(track: Track, span_s: Float64) -> Float32:
    """(T, 4) boxes of every frame from the track's first to its last, at ``span_s`` seconds."""
    since_s = (span_s - span_s[0]).astype(np.float32)
    return interpolate_boxes(since_s, since_s[track.frames - track.frames[0]], track.boxes)


def frames_needed(plans: Iterable[ClipPlan]) -> set[int]:
    """Frames of the video that at least one of the plans needs."""
    return {frame for plan in plans for frame in plan.frames.tolist()}


def cut_clips(plans: Sequence[ClipPlan], frames: Iterable[Frame], *, size: int) -> Iterator[Clip]:
    """Cut all planned clips in one pass over the frames, each clip as soon as its last frame was seen.

    Only the crops of clips that have begun and not ended are held, so memory does not grow with the video.

    Args:
        plans: in any order, of any number of tracks.
        frames: in order of time; those in `frames_needed` are enough, others are passed over.
        size: of the crops, pixels; see `crop_shape`.

    Yields:
        One clip for each plan, ordered by last frame.

    Raises:
        ValueError: if a frame that a plan needs is not among ``frames``.
    """
    waiting = deque(sorted(plans, key=lambda plan: int(plan.frames[0])))
    unfinished: list[_OpenClip] = []
    for frame in frames:
        while waiting and waiting[0].frames[0] <= frame.index:
            unfinished.append(_OpenClip(waiting.popleft(), size))
        for clip in unfinished:
            clip.add(frame)
        yield from (clip.finish() for clip in unfinished if clip.next_frame is None)
        unfinished = [clip for clip in unfinished if clip.next_frame is not None]
        if not unfinished and not waiting:
            return
    missing = [clip.next_frame for clip in unfinished] + [int(plan.frames[0]) for plan in waiting]
    if missing:
        raise ValueError(f"the frames ended before frame {missing[0]}, which a clip needs")


class _OpenClip:
    """A clip that is being cut."""

    def __init__(self, plan: ClipPlan, size: int) -> None:
        self.plan, self.size = plan, size
        width, height = crop_shape(size, plan.aspect)
        self.images = np.empty((len(plan.frames), height, width, 3), np.uint8)
        self.done = 0

    @property
    def next_frame(self) -> int | None:
        """The frame that the next crop is to be cut from; None once all are."""
        return int(self.plan.frames[self.done]) if self.done < len(self.images) else None

    def add(self, frame: Frame) -> None:
        """Cut the crops that the plan wants of this frame, if any."""
        if self.next_frame is not None and self.next_frame < frame.index:
            raise ValueError(f"frame {self.next_frame}, which a clip needs, is missing before {frame.index}")
        while self.next_frame == frame.index:
            x, y, side = self.plan.squares[self.done].tolist()
            self.images[self.done] = crop_region(frame.image, (x, y), side, self.size, self.plan.aspect)
            self.done += 1

    def finish(self) -> Clip:
        """The clip, once `next_frame` is None."""
        plan = self.plan
        return Clip(plan.track_id, plan.start_s, plan.end_s, plan.frames, self.images)
