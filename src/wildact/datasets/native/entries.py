"""Single entries of the native format: from JSON values and cells of a table to typed objects.

All that is wrong with an entry is reported, not only the first; what can still be used of it is returned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from wildact.datasets.dataset import LIGHTS, leads_out
from wildact.datasets.findings import (
    AFTER_END,
    BOX_OUTSIDE,
    BROKEN_BOX,
    BROKEN_MASK,
    LIST_LENGTH,
    MALFORMED,
    NOT_VISIBLE,
    STRAY_MASK,
    UNKNOWN,
)
from wildact.datasets.limits import EDGE_PX, LARGEST, MAX_FRAMES, MAX_SIDE_PX
from wildact.datasets.native.raw import Entry
from wildact.datasets.words import list_frames, quote
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import from_coco
from wildact.types import Bool, Float32, Rle, Track, VideoInfo

_FPS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18}|/0*[1-9][0-9]{0,8})?")
_CELL = re.compile(r"\s*-?[0-9]{1,10}\s*")


def read_video(entry: Entry, root: Path) -> LabelledVideo | None:
    """A video without its tracks and actions; None where something of it is unusable."""
    width, height = (entry.whole(key, least=1, most=MAX_SIDE_PX) for key in ("width", "height"))
    length = entry.whole("length", least=1, most=MAX_FRAMES)
    fps, name = _fps(entry), read_file_name(entry)
    site, camera = entry.text("site", empty=True), entry.text("camera", empty=True)
    light, recorded = entry.values.get("light"), entry.values.get("recorded")
    if light is not None and light not in LIGHTS:
        entry.complain(MALFORMED, f"light {quote(light)} is none of {', '.join(LIGHTS)}")
    if recorded is not None and not isinstance(recorded, str):
        entry.complain(MALFORMED, f"recorded must be a date as text, or null, not {quote(recorded)}")
        recorded = None
    if width is None or height is None or length is None or fps is None:
        return None
    if name is None or site is None or camera is None or light not in (*LIGHTS, None):
        return None
    info = VideoInfo(root / name, width, height, fps, length, length / fps, codec="unknown")
    split, recording = read_word(entry, "split") or None, read_word(entry, "recording")
    return LabelledVideo(info, site, camera, light, (), (), recorded, split, recording)


def read_word(entry: Entry, key: str) -> str:
    """Text that may be absent or null; then empty."""
    return "" if entry.values.get(key) is None else entry.text(key, empty=True) or ""


def read_file_name(entry: Entry) -> str | None:
    """The path of a video below the data set's folder; one that leads out of it is reported."""
    text = entry.text("file_name")
    if text is None:
        return None
    if leads_out(text) or not PurePosixPath(text).parts:
        entry.complain(MALFORMED, f"file_name must stay within the folder, unlike {quote(text)}")
        return None
    return text


def _fps(entry: Entry) -> Fraction | None:
    if not entry.has("fps"):
        return None
    text = str(entry.values["fps"])
    fps = Fraction(text) if _FPS.fullmatch(text) else Fraction(0)
    if fps <= 0:
        value = quote(entry.values["fps"])
        entry.complain(MALFORMED, f"fps must be positive, like '25' or '30000/1001', not {value}")
    return fps or None


def read_track(entry: Entry, species: Mapping[int, str]) -> Track | None:
    """A track with the boxes and masks that can be used; None where nothing can."""
    track_id, category = entry.whole("track_id"), entry.whole("category_id")
    if category is not None and category not in species:
        entry.complain(UNKNOWN, f"category_id {category} is not among the categories")
    boxes, masks = entry.items("bboxes"), entry.items("segmentations")
    if boxes is None or masks is None:
        return None
    if len(boxes) != len(masks):
        entry.complain(MALFORMED, f"{len(boxes)} bboxes but {len(masks)} segmentations")
        masks = [*masks, *[None] * len(boxes)]
    frames = [k for k, box in enumerate(boxes) if box is not None]
    if not frames:
        entry.complain(NOT_VISIBLE, "the track is not visible on any frame")
        return None
    if stray := [k for k, mask in enumerate(masks[: len(boxes)]) if mask is not None and boxes[k] is None]:
        entry.complain(STRAY_MASK, f"a mask, but no box, on {list_frames(stray)}")
    corners = _corners(boxes, frames)
    good = np.asarray((corners[:, 2:] > corners[:, :2]).all(axis=1), bool)
    if not good.all():
        bad = list_frames(np.array(frames)[~good].tolist())
        entry.complain(BROKEN_BOX, f"the box of {bad} is empty or not a number")
    frames = [k for k, usable in zip(frames, good.tolist(), strict=True) if usable]
    rles = _masks(entry, masks, frames)
    if track_id is None or category is None or category not in species or not frames:
        return None
    return Track(
        track_id=track_id,
        label=species[category],
        label_score=1.0,
        frames=np.array(frames, np.int64),
        boxes=corners[good],
        scores=np.ones(len(frames), np.float32),
        masks=rles,
        occluded=_occluded(entry, frames),
        crowd=_is_crowd(entry),
    )


def _corners(boxes: Sequence[Any], frames: Sequence[int]) -> Float32:
    """(N, 4) xyxy of the boxes on N frames; rows of nan for what is no box."""
    xywh = np.full((len(frames), 4), np.nan)
    for row, k in enumerate(frames):
        box = boxes[k]
        if isinstance(box, list) and len(box) == 4 and all(type(v) in (int, float) for v in box):
            xywh[row] = [v if abs(v) <= LARGEST else np.nan for v in box]
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1).astype(np.float32)


def _masks(entry: Entry, masks: Sequence[Any], frames: Sequence[int]) -> tuple[Rle | None, ...]:
    rles: list[Rle | None] = []
    broken: dict[str, list[int]] = {}
    for k in frames:
        try:
            rles.append(None if masks[k] is None else from_coco(masks[k]))
        except ValueError as error:
            rles.append(None)
            broken.setdefault(str(error), []).append(k)
    for reason, places in broken.items():
        entry.complain(BROKEN_MASK, f"the mask of {list_frames(places)} is none: {reason}")
    return tuple(rles)


def _occluded(entry: Entry, frames: Sequence[int]) -> Bool | None:
    """(N,) marks of the frames given: null is no mark; None where there are none."""
    if entry.values.get("occluded") is None:
        return None
    marks = entry.items("occluded")
    if marks is None:
        return None
    if len(marks) <= frames[-1] or any(marks[k] not in (0, 1, None) for k in frames):
        entry.complain(MALFORMED, "occluded must hold 0, 1 or null for each frame of the video")
        return None
    return np.array([marks[k] == 1 for k in frames], bool)


def _is_crowd(entry: Entry) -> bool:
    value = entry.values.get("iscrowd", 0)
    if value not in (0, 1):
        entry.complain(MALFORMED, f"iscrowd must be 0 or 1, not {quote(value)}")
    return bool(value == 1)


def check_track(entry: Entry, track: Track, info: VideoInfo) -> None:
    """Report where a track does not fit its video."""
    assert info.frames is not None
    if track.frames[-1] >= info.frames:
        last = info.frames - 1
        entry.complain(AFTER_END, f"track {track.track_id} goes on after the last frame ({last})")
    if len(entry.values["bboxes"]) != info.frames:
        entries = len(entry.values["bboxes"])
        entry.complain(LIST_LENGTH, f"{entries} boxes for a video of {info.frames} frames")
    far = (track.boxes[:, :2] < -EDGE_PX) | (
        track.boxes[:, 2:] > np.array([info.width, info.height]) + EDGE_PX
    )
    if far.any():
        places = list_frames(track.frames[far.any(axis=1)].tolist())
        entry.complain(BOX_OUTSIDE, f"a box of track {track.track_id} lies outside the frame: {places}")
    size = (info.height, info.width)
    sizes = [size if mask is None else (mask.height, mask.width) for mask in track.masks]
    if other := [k for k, of_mask in zip(track.frames.tolist(), sizes, strict=True) if of_mask != size]:
        what = f"a mask of track {track.track_id} is not of the frame's size {size[0]} x {size[1]}"
        entry.complain(BROKEN_MASK, f"{what}: {list_frames(other)}")


def read_action(entry: Entry, known: Sequence[str]) -> ActionLabel | None:
    """A row of ``actions.csv``; None where it cannot be used."""
    cells = [entry.values[key] for key in ("track_id", "start_frame", "end_frame")]
    if not all(_CELL.fullmatch(cell) for cell in cells):
        entry.complain(MALFORMED, "track_id, start_frame and end_frame must be whole numbers")
        return None
    track_id, start, end = map(int, cells)
    action = entry.values["action"]
    if not 0 <= start < end:
        entry.complain(MALFORMED, f"frames {start} to {end} are not a range")
    if action not in known:
        names = ", ".join(sorted(known))
        entry.complain(UNKNOWN, f"unknown action {quote(action)}; annotations.json lists {names}")
    return ActionLabel(track_id, action, start, end) if 0 <= start < end and action in known else None
