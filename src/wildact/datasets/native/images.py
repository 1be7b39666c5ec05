"""Still images with COCO annotations: each image becomes a video of one frame.

Beside COCO's own keys these are read: of an image ``split``, ``seq_id`` (its burst), ``light``, ``location``,
``datetime`` and ``complete`` (false: not everything in it is boxed); of an annotation ``difficult``.

Reference: Lin et al. 2014, "Microsoft COCO", https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from wildact.datasets.dataset import Dataset, parse_light
from wildact.datasets.findings import (
    BOX_CLIPPED,
    BOX_OUTSIDE,
    BROKEN_BOX,
    BROKEN_MASK,
    DUPLICATE,
    MALFORMED,
    NO_BOX,
    UNKNOWN,
    Finding,
    Report,
)
from wildact.datasets.formats.segmentation import read_segmentation
from wildact.datasets.limits import EDGE_PX, LARGEST, MAX_SIDE_PX
from wildact.datasets.native.entries import read_file_name, read_word
from wildact.datasets.native.raw import Entry, is_id, read_entries, read_supercategories
from wildact.datasets.words import Thing, list_things, quote
from wildact.decode.clock import parse_time
from wildact.decode.still import STILL_FPS
from wildact.labels import LabelledVideo
from wildact.masks import mask_to_box
from wildact.types import Rle, Track, VideoInfo

BLANK = frozenset({"blank", "empty"})
"""Categories of camera-trap sets that mean an image without animals."""

_KEYPOINTS = "annotation with keypoints, which are left out", "annotations with keypoints, which are left out"
_CLIPPED = "box that reaches beyond its image, cut off", "boxes that reach beyond their images, cut off"
_BOXLESS = "annotation without a box", "annotations without a box"
_UNBOXED = "image left out: no animal in it has a box", "images left out: no animal in them has a box"

_ID_DIGITS = 20
_Box = tuple[float, float, float, float]


@dataclass(slots=True)
class _Image:
    """An image while its annotations are read; ``video`` is None where its own entry is broken."""

    video: LabelledVideo | None
    complete: bool
    tracks: list[Track] = field(default_factory=list)
    boxless: list[str] = field(default_factory=list)


def read_images(
    path: Path,
    content: Mapping[str, Any],
    species: Mapping[int, str],
    facts: Mapping[str, Any],
    report: Report,
    *,
    stated_only: bool = False,
) -> Dataset:
    """Read a COCO file of still images; the images themselves are not opened.

    Crowd tracks are ignore regions: annotations with ``iscrowd`` or ``difficult``, and the whole of an image
    with ``complete: false``, once for each category labelled in it (where none is, for each of the set).
    An annotation without a box makes its image incomplete; an image with no other annotations is left out.

    Args:
        path: the file; images lie below its folder.
        content: of the file.
        species: id -> name of its categories.
        facts: its ``info``.
        report: called with every finding.
        stated_only: leave unknown what the file does not state: the size of images, and their frame rate.
    """
    dropped: Counter[Thing] = Counter()

    def report_counted(finding: Finding) -> None:
        dropped[_CLIPPED] += finding.kind is BOX_CLIPPED
        report(finding)

    images = _read_entries(path, content, report, stated_only=stated_only)
    for entry in read_entries(path, content, "annotations", report_counted):
        dropped[_KEYPOINTS] += bool(entry.values.get("keypoints"))
        _read_annotation(entry, images, species)
    names = tuple(name for name in species.values() if name.lower() not in BLANK)
    videos = []
    for image in images.values():
        dropped[_BOXLESS] += len(image.boxless)
        if image.boxless and not image.tracks:
            dropped[_UNBOXED] += 1
        elif image.video is not None:
            videos.append(_assemble(image, names))
    return Dataset(
        root=path.parent,
        species=names,
        actions=(),
        videos=tuple(sorted(videos, key=lambda video: str(video.info.path))),
        facts=facts,
        dropped=list_things(dropped),
        supercategories=read_supercategories(content, names),
    )


def _read_entries(
    path: Path, content: Mapping[str, Any], report: Report, *, stated_only: bool
) -> dict[Any, _Image]:
    """Id -> image; broken entries are reported."""
    images: dict[Any, _Image] = {}
    seen: set[Path] = set()
    for entry in read_entries(path, content, "images", report):
        complete = entry.values.get("complete", True)
        if complete not in (True, False):
            entry.complain(MALFORMED, f"complete must be true or false, not {quote(complete)}")
        image = _Image(_read_image(entry, path.parent, stated_only=stated_only), bool(complete))
        if image.video is not None and image.video.info.path in seen:
            entry.complain(DUPLICATE, f"two images name the file {quote(entry.values['file_name'])}")
            image.video = None
        if image.video is not None:
            seen.add(image.video.info.path)
        if entry.id is not None:
            images.setdefault(entry.id, image)
    return images


def _read_image(entry: Entry, root: Path, *, stated_only: bool) -> LabelledVideo | None:
    """An image without its annotations; None where something of it is unusable."""
    width, height = (
        0 if stated_only and not entry.values.get(key) else entry.whole(key, least=1, most=MAX_SIDE_PX)
        for key in ("width", "height")
    )
    fps = Fraction(0) if stated_only else STILL_FPS
    name = read_file_name(entry)
    if width is None or height is None or name is None:
        return None
    words = {key: read_word(entry, key) for key in ("split", "seq_id", "location", "datetime", "light")}
    time = parse_time(words["datetime"]) if words["datetime"] else None
    return LabelledVideo(
        info=VideoInfo(root / name, width, height, fps, 1, 1 / fps if fps else None, "unknown"),
        site=words["location"],
        camera="",
        light="day" if words["light"] in ("colour", "color") else parse_light(words["light"]),
        tracks=(),
        actions=(),
        recorded=time.isoformat() if time else None,
        split=words["split"] or None,
        recording=words["seq_id"],
    )


def _read_annotation(entry: Entry, images: Mapping[Any, _Image], species: Mapping[int, str]) -> None:
    """Add an annotation to its image; what is wrong with it is reported."""
    image, category = _find_image(entry, images), entry.whole("category_id")
    if image is None:
        return
    if category is None:
        return
    if category not in species:
        entry.complain(UNKNOWN, f"category_id {category} is not among the categories")
        return
    label = species[category]
    if image.video is None or label.lower() in BLANK:
        return
    info = image.video.info
    mask = _read_mask(entry, info)
    box = _read_box(entry, mask)
    if box is None:
        image.boxless.append(label)
        entry.complain(NO_BOX, f"{quote(label)} has no box")
        return
    if (clipped := _clip(entry, box, info)) is not None:
        image.tracks.append(
            _make_track(len(image.tracks) + 1, label, clipped, mask, crowd=_is_ignored(entry))
        )


def _find_image(entry: Entry, images: Mapping[Any, _Image]) -> _Image | None:
    """The image of an annotation; an id may be a number here and text there."""
    number = entry.values.get("image_id")
    if number is not None and is_id(number):
        short = isinstance(number, str) and number.isdecimal() and len(number) < _ID_DIGITS
        other = int(number) if short else str(number)
        for known in (number, other):
            if known in images:
                return images[known]
    entry.complain(UNKNOWN, f"it is of image {quote(number)}, which 'images' does not list")
    return None


def _read_mask(entry: Entry, info: VideoInfo) -> Rle | None:
    try:
        return read_segmentation(entry.values.get("segmentation"), info.width, info.height)
    except ValueError as error:
        entry.complain(BROKEN_MASK, str(error))
        return None


def _read_box(entry: Entry, mask: Rle | None) -> _Box | None:
    """The xyxy box, or else that of the mask; None where there is neither. A broken one is nan."""
    bbox = entry.values.get("bbox")
    if not bbox:
        if mask is None:
            return None
        x1, y1, x2, y2 = mask_to_box(mask).tolist()
        return x1, y1, x2, y2
    if not isinstance(bbox, list) or len(bbox) != 4 or any(type(v) not in (int, float) for v in bbox):
        entry.complain(BROKEN_BOX, f"{quote(bbox)} is not a box")
        return math.nan, math.nan, math.nan, math.nan
    x, y, width, height = (float(v) if abs(v) <= LARGEST else math.nan for v in bbox)
    if width == 0 or height == 0:
        return None
    if not (width > 0 and height > 0):
        entry.complain(BROKEN_BOX, f"the box {quote(bbox)} is not a number or has a side below 0")
        return math.nan, math.nan, math.nan, math.nan
    return x, y, x + width, y + height


def _clip(entry: Entry, box: _Box, info: VideoInfo) -> _Box | None:
    """The part of a box within the image; None, and reported, where there is none."""
    if math.isnan(sum(box)):
        return None
    if not info.width:
        return box
    x1, y1, x2, y2 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], info.width), min(box[3], info.height)
    beyond = max(x1 - box[0], y1 - box[1], box[2] - x2, box[3] - y2)
    if np.float32(x1) >= np.float32(x2) or np.float32(y1) >= np.float32(y2):
        what = f"its box lies outside the image of {info.width} x {info.height} pixels"
        entry.complain(BOX_OUTSIDE, what)
        return None
    if beyond > EDGE_PX:
        entry.complain(BOX_CLIPPED, f"its box reaches {beyond:.1f} px beyond the image")
    return x1, y1, x2, y2


def _is_ignored(entry: Entry) -> bool:
    """Whether the annotation is an ignore region."""
    for key in ("iscrowd", "difficult"):
        value = entry.values.get(key, 0)
        if value not in (0, 1, None):
            entry.complain(MALFORMED, f"{key} must be 0 or 1, not {quote(value)}")
        elif value:
            return True
    return False


def _make_track(track_id: int, label: str, box: _Box, mask: Rle | None = None, *, crowd: bool) -> Track:
    return Track(
        track_id=track_id,
        label=label,
        label_score=1.0,
        frames=np.zeros(1, np.int64),
        boxes=np.array([box], np.float32),
        scores=np.ones(1, np.float32),
        masks=(mask,),
        crowd=crowd,
    )


def _assemble(image: _Image, names: tuple[str, ...]) -> LabelledVideo:
    """The image with its tracks, and with ignore regions where not everything is boxed."""
    assert image.video is not None
    info, tracks = image.video.info, image.tracks
    if info.width and (not image.complete or image.boxless):
        seen = [] if image.complete else [track.label for track in tracks]
        labelled = [*seen, *image.boxless] or names
        whole = (0.0, 0.0, float(info.width), float(info.height))
        tracks = tracks + [
            _make_track(number, label, whole, crowd=True)
            for number, label in enumerate(dict.fromkeys(labelled), start=len(tracks) + 1)
        ]
    return replace(image.video, tracks=tuple(tracks))
