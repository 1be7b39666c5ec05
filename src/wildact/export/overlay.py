"""Draw what was found onto the frames: masks, boxes, number, species and current action.

Drawn with OpenCV directly: at 1080p supervision's annotators blend the whole frame for each layer, where
only the animals' own pixels change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from wildact.atomic import replacing
from wildact.export.colors import Rgb, track_color
from wildact.masks import decode_mask
from wildact.types import Bout, Float32, Float64, Frame, Image, Rle, Track, VideoResult

MASK_OPACITY = 0.35
NEAR_S = 0.25
"""A detection no further away in time than this still shows what the animal's outline is now."""
THUMBNAIL_WIDTH = 320

Rectangle = tuple[int, int, int, int]
"""Pixels of a frame: x1, y1, x2, y2."""


def annotate_frames(result: VideoResult, frames: Iterable[Frame]) -> Iterator[Frame]:
    """Draw the animals of a video onto its frames.

    Args:
        result: what was found.
        frames: of the same video; passed on one by one.

    Yields:
        The frames, with a drawn copy of the image. Between two close detections, as when the detector ran on
        every third frame only, the nearer mask moves along with the box. Where an animal was lost for
        longer, the box is thin and there is no mask.
    """
    times_s = result.times_s
    bouts = {
        track.track_id: [b for b in result.bouts if b.track_id == track.track_id] for track in result.tracks
    }
    for frame in frames:
        image = frame.image.copy()
        here = [(t, place) for t in result.tracks if (place := t.place_of(frame.index)) is not None]
        for track, place in here:
            draw_animal(image, track, place, _nearest_seen(track, place, times_s))
        tags: list[Rectangle] = []  # after the animals, so that none of these covers a tag
        for track, place in here:
            action = _action_at(bouts[track.track_id], float(frame.time))
            tags.append(draw_tag(image, track, place, action, tags))
        yield Frame(frame.index, frame.time, image)


def _action_at(bouts: list[Bout], time_s: float) -> str:
    """The action of the bout that holds a moment; empty where there is none."""
    i = bisect_right([bout.start_s for bout in bouts], time_s + 1e-6) - 1
    return bouts[i].action if i >= 0 and time_s < bouts[i].end_s else ""


def _nearest_seen(track: Track, place: int, times_s: Float64) -> int | None:
    """Position in the track of the detection nearest in time; None if all are too far away."""
    now = times_s[track.frames[place]]
    first, last = np.searchsorted(times_s, [now - NEAR_S, now + NEAR_S + 1e-9])
    first, last = np.searchsorted(track.frames, [first, last])
    seen = first + np.flatnonzero(~np.isnan(track.scores[first:last]))
    return int(seen[abs(times_s[track.frames[seen]] - now).argmin()]) if len(seen) else None


def draw_animal(image: Image, track: Track, place: int, shown: int | None) -> None:
    """Draw one animal's mask and box onto a (H, W, 3) uint8 frame, in place.

    Args:
        image: of the frame.
        track: the animal.
        place: position of the frame within the track.
        shown: position of the detection that shows the animal; None where it was lost.
    """
    color = track_color(track.track_id)
    unit = max(1, round(image.shape[0] / 360))
    mask = None if shown is None else track.masks[shown]
    if mask is not None and shown is not None:
        _tint(image, mask, track.boxes[shown], track.boxes[place], color, unit)
    x1, y1, x2, y2 = (round(float(v)) for v in track.boxes[place])
    if shown is not None:
        _corners(image, (x1, y1, x2, y2), color, unit)
    else:
        cv2.rectangle(image, (x1, y1), (x2, y2), color, unit, cv2.LINE_AA)


def _tint(image: Image, mask: Rle, box: Float32, now: Float32, color: Rgb, unit: int) -> None:
    """Colour a mask and its border where the animal is now, touching only the pixels around it.

    Args:
        image: of the frame.
        mask: of the detection.
        box: (4,) of the detection.
        now: (4,) of this frame; the mask is moved and scaled as the box was.
        color: of the track.
        unit: thickness of the border, pixels.
    """
    height, width = image.shape[:2]
    margin = 8 * unit
    x1, y1 = max(0, int(now[0]) - margin), max(0, int(now[1]) - margin)
    x2, y2 = min(width, int(now[2]) + margin), min(height, int(now[3]) + margin)
    if x2 <= x1 or y2 <= y1:
        return
    scale = (now[2:] - now[:2]) / np.maximum(box[2:] - box[:2], 1)
    offset = now[:2] - scale * box[:2] - (x1, y1)
    to_window = np.array([[scale[0], 0, offset[0]], [0, scale[1], offset[1]]], np.float64)
    bitmap = decode_mask(mask).astype(np.uint8)
    inside = cv2.warpAffine(bitmap, to_window, (x2 - x1, y2 - y1), flags=cv2.INTER_NEAREST)
    part = np.ascontiguousarray(image[y1:y2, x1:x2])
    tinted = cv2.addWeighted(part, 1 - MASK_OPACITY, np.full_like(part, color), MASK_OPACITY, 0)
    cv2.copyTo(tinted, inside, part)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(part, contours, -1, color, unit, cv2.LINE_AA)
    image[y1:y2, x1:x2] = part


def _corners(image: Image, box: tuple[int, int, int, int], color: Rgb, unit: int) -> None:
    """The four corners of a box: they show its place and hide little of the animal."""
    x1, y1, x2, y2 = box
    length = max(3 * unit, min(x2 - x1, y2 - y1) // 5)
    for x, y, dx, dy in ((x1, y1, 1, 1), (x2, y1, -1, 1), (x1, y2, 1, -1), (x2, y2, -1, -1)):
        cv2.line(image, (x, y), (x + dx * length, y), color, 2 * unit, cv2.LINE_AA)
        cv2.line(image, (x, y), (x, y + dy * length), color, 2 * unit, cv2.LINE_AA)


def draw_tag(
    image: Image, track: Track, place: int, action: str, others: Sequence[Rectangle] = ()
) -> Rectangle:
    """Write one animal's number, species and action onto a (H, W, 3) uint8 frame, in place.

    Args:
        image: of the frame.
        track: the animal.
        place: position of the frame within the track.
        action: what it does now; may be empty.
        others: where tags are already.

    Returns:
        Where it was written: within the frame; above the box if there is room, over the tags that are there,
        else below it.
    """
    height, width = image.shape[:2]
    text = f"#{track.track_id} {track.label}" + (f" · {action}" if action else "")
    tag = _tag(text, max(11, round(height / 28)), track_color(track.track_id))[:height, :width]
    h, w = tag.shape[:2]
    x1, y1, _, y2 = (round(float(v)) for v in track.boxes[place])
    x = min(max(0, x1), width - w)
    beside = [other for other in others if x < other[2] and other[0] < x + w]
    y = _first_free(y1 - h - 2, h, beside, up=True)
    if y < 0:
        y = min(_first_free(max(0, y2 + 2), h, beside, up=False), height - h)
    image[y : y + h, x : x + w] = tag
    return x, y, x + w, y + h


def _first_free(y: int, height: int, others: Sequence[Rectangle], *, up: bool) -> int:
    """The first place from ``y`` upwards, or downwards, where ``height`` pixels touch none of the others."""
    for _, top, _, bottom in sorted(others, key=lambda other: other[1], reverse=up):
        if y < bottom and top < y + height:
            y = top - height - 1 if up else bottom + 1
    return y


@lru_cache(maxsize=512)
def _tag(text: str, size: int, color: Rgb) -> Image:
    """(h, w, 3) picture of a text on a coloured ground; any script that DejaVu Sans has."""
    font = _font(size)
    left, top, right, bottom = font.getbbox(text + "Ág")
    right = font.getlength(text)
    pad = max(2, size // 4)
    dark = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2] > 120
    picture = PillowImage.new("RGB", (round(right - left) + 2 * pad, round(bottom - top) + pad), color)
    draw = ImageDraw.Draw(picture)
    draw.text((pad - left, pad // 2 - top), text, font=font, fill=(15, 15, 15) if dark else (255, 255, 255))
    return np.asarray(picture, np.uint8)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def choose_thumbnail_frame(result: VideoResult) -> int:
    """The frame that shows most: largest sum of score times area; the middle one of a blank video."""
    worth = np.zeros(max(1, len(result.pts)))
    for track in result.tracks:
        size = np.clip(track.boxes[:, 2:] - track.boxes[:, :2], 0, None)
        worth[track.frames] += np.nan_to_num(track.scores) * size[:, 0] * size[:, 1]
    return int(worth.argmax()) if worth.any() else len(worth) // 2


def save_thumbnail(path: Path, image: Image) -> None:
    """Save a frame as a small JPEG.

    Raises:
        OutputError: if the file cannot be written.
    """
    height, width = image.shape[:2]
    size = (min(width, THUMBNAIL_WIDTH), max(1, round(height * min(1.0, THUMBNAIL_WIDTH / width))))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    with replacing(path) as part:
        PillowImage.fromarray(small).save(part, format="JPEG", quality=82)
