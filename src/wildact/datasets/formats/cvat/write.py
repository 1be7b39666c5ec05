"""Write CVAT for video 1.1, so that a person can look at the labels in CVAT and correct them.

A track of boxes lists every visible frame; those that CVAT gets by interpolation are no keyframes, so there
are few to move. Masks are single shapes in the group of their track, because CVAT has no tracks of masks.

Reference: CVAT documentation, "XML annotation format", version 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from wildact.atomic import replacing, replacing_folder
from wildact.datasets.bouts import join_bouts, kept_actions
from wildact.datasets.dataset import Dataset, relative_name
from wildact.datasets.formats.keyframes import find_keyframes
from wildact.errors import OutputError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import decode_mask, mask_area, mask_to_box
from wildact.types import Bool, Rle, Track

ATTRIBUTE = "action"
NO_ACTION = "__undefined__"
KEYFRAME_PX = 0.005
"""How far a box that CVAT interpolates may be from the label: CVAT itself keeps two decimals."""

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_cvat(dataset: Dataset, path: Path) -> None:
    """Write one XML file (``path`` ends in ``.xml``), or a folder with one for each video.

    Raises:
        OutputError: if it cannot be written, or several videos are to go into one file.
    """
    if path.suffix.lower() != ".xml":
        with replacing_folder(path) as folder:
            for video in dataset.videos:
                file = folder / f"{relative_name(dataset, video)}.xml"
                file.parent.mkdir(parents=True, exist_ok=True)
                _write(file, dataset, video)
        return
    if len(dataset.videos) != 1:
        raise OutputError(
            f"{path}: a CVAT file is of one video, and there are {len(dataset.videos)}; "
            "name a folder, without '.xml', to get a file for each."
        )
    with replacing(path) as temporary:
        _write(temporary, dataset, dataset.videos[0])


def _write(path: Path, dataset: Dataset, video: LabelledVideo) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in _list_lines(dataset, video))


def _list_lines(dataset: Dataset, video: LabelledVideo) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield "<annotations>"
    yield "  <version>1.1</version>"
    yield from _list_meta(dataset, video)
    actions = join_bouts(kept_actions(video.actions))
    following = max((track.track_id for track in video.tracks), default=0) + 1
    for track in video.tracks:
        labels = [label for label in actions if label.track_id == track.track_id]
        group = track.track_id + 1 if any(track.masks) else 0
        yield from _list_track(track, labels, video.info.frames, group, has_actions=bool(dataset.actions))
        for frame, mask in zip(track.frames.tolist(), track.masks, strict=True):
            if mask is not None:
                yield from _list_mask(track, frame, mask, video.info.frames, group, following)
                following += 1
    yield "</annotations>"


def _list_meta(dataset: Dataset, video: LabelledVideo) -> Iterator[str]:
    name, info = relative_name(dataset, video), video.info
    yield "  <meta>"
    yield "    <task>"
    yield f"      <name>{_text(name)}</name>"
    if info.frames is not None:
        yield f"      <size>{info.frames}</size>"
    yield "      <mode>interpolation</mode>"
    yield "      <overlap>0</overlap>"
    if info.frames is not None:
        yield "      <start_frame>0</start_frame>"
        yield f"      <stop_frame>{info.frames - 1}</stop_frame>"
    yield "      <frame_filter></frame_filter>"
    yield "      <labels>"
    for species in dataset.species:
        yield "        <label>"
        yield f"          <name>{_text(species)}</name>"
        yield "          <attributes>"
        if dataset.actions:
            yield from _list_attribute(dataset.actions)
        yield "          </attributes>"
        yield "        </label>"
    yield "      </labels>"
    if info.width:
        yield "      <original_size>"
        yield f"        <width>{info.width}</width>"
        yield f"        <height>{info.height}</height>"
        yield "      </original_size>"
    yield "    </task>"
    yield f"    <source>{_text(name)}</source>"
    yield "  </meta>"


def _list_attribute(actions: Sequence[str]) -> Iterator[str]:
    values = "\n".join([NO_ACTION, *(_text(action) for action in actions)])
    yield "            <attribute>"
    yield f"              <name>{ATTRIBUTE}</name>"
    yield "              <mutable>True</mutable>"
    yield "              <input_type>select</input_type>"
    yield f"              <default_value>{NO_ACTION}</default_value>"
    yield f"              <values>{values}</values>"
    yield "            </attribute>"


def _list_track(
    track: Track, actions: Sequence[ActionLabel], length: int | None, group: int, *, has_actions: bool
) -> Iterator[str]:
    """A track of boxes; while the animal is hidden, shapes that are outside tell since when, and actions."""
    texts = [_describe_box(box.tolist()) for box in track.boxes.astype(str)]
    places = {frame: place for place, frame in enumerate(track.frames.tolist())}
    hidden = _find_hidden(track, actions, length)
    frames = sorted([*places, *hidden])
    doing = _spread(frames, actions)
    keys = _find_keys(track, [what for frame, what in zip(frames, doing, strict=True) if frame in places])
    yield f'  <track id="{track.track_id - 1}" label={_quote(track.label)} source="file"{_group(group)}>'
    latest = 0
    for frame, what in zip(frames, doing, strict=True):
        outside = frame not in places
        latest = latest if outside else places[frame]
        key = outside or keys[latest]
        occluded = not outside and track.occluded is not None and track.occluded[latest]
        flags = f'keyframe="{int(key)}" outside="{int(outside)}" occluded="{int(occluded)}"'
        shape = f'frame="{frame}" {flags} {texts[latest]} z_order="0"'
        if has_actions:
            value = NO_ACTION if what is None else _text(what)
            yield f'    <box {shape}><attribute name="{ATTRIBUTE}">{value}</attribute></box>'
        else:
            yield f"    <box {shape}/>"
    yield "  </track>"


def _describe_box(box: Sequence[str]) -> str:
    sides = zip(("xtl", "ytl", "xbr", "ybr"), box, strict=True)
    return " ".join(f'{side}="{value}"' for side, value in sides)


def _find_hidden(track: Track, actions: Sequence[ActionLabel], length: int | None) -> set[int]:
    """Frames without a box that need a shape: the first after visible ones, and where actions change."""
    visible = set(track.frames.tolist())
    changes = (
        {frame + 1 for frame in visible} | {a.start_frame for a in actions} | {a.end_frame for a in actions}
    )
    if length is not None:
        if any(label.end_frame == length for label in actions):
            changes.add(length - 1)  # an action that lasts to the end must be told there
        changes = {frame for frame in changes if frame < length}
    return changes - visible


def _spread(frames: Sequence[int], actions: Sequence[ActionLabel]) -> list[str | None]:
    """What the animal does on each of increasing frames; actions in order of time."""
    doing: list[str | None] = []
    k = 0
    for frame in frames:
        while k < len(actions) and actions[k].end_frame <= frame:
            k += 1
        now = k < len(actions) and actions[k].start_frame <= frame
        doing.append(actions[k].action if now else None)
    return doing


def _find_keys(track: Track, doing: Sequence[str | None]) -> Bool:
    """(T,) True for boxes that CVAT must be told; the others it gets by interpolation."""
    keys = np.zeros(len(track), bool)
    breaks = np.diff(track.frames) > 1
    if track.occluded is not None:
        breaks |= track.occluded[1:] != track.occluded[:-1]
    breaks |= np.array([one != following for one, following in pairwise(doing)], bool)
    starts = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(track)]
    boxes = track.boxes.astype(np.float64)
    for start, stop in pairwise(starts):
        run = slice(start, stop)
        keys[run] = find_keyframes(track.frames[run], boxes[run], tolerance=KEYFRAME_PX)
    return keys


def _list_mask(
    track: Track, frame: int, mask: Rle, length: int | None, group: int, number: int
) -> Iterator[str]:
    """A mask as CVAT exports it: a track that is outside on the next frame."""
    yield f'  <track id="{number}" label={_quote(track.label)} source="file"{_group(group)}>'
    shape = _describe_mask(mask)
    yield f'    <mask frame="{frame}" keyframe="1" outside="0" occluded="0" {shape} z_order="0"/>'
    if length is None or frame + 1 < length:
        yield f'    <mask frame="{frame + 1}" keyframe="1" outside="1" occluded="0" {shape} z_order="0"/>'
    yield "  </track>"


def _describe_mask(mask: Rle) -> str:
    """The part of the frame around a mask, and its run lengths row by row, from a run of background on."""
    x1, y1, x2, y2 = map(int, mask_to_box(mask)) if mask_area(mask) else (0, 0, 1, 1)
    pixels = decode_mask(mask)[y1:y2, x1:x2].ravel()
    edges = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff(np.concatenate([[0], edges, [len(pixels)]])).tolist()
    if pixels[0]:
        runs = [0, *runs]
    text = ", ".join(map(str, runs))
    return f'rle="{text}" left="{x1}" top="{y1}" width="{x2 - x1}" height="{y2 - y1}"'


def _group(number: int) -> str:
    return f' group_id="{number}"' if number else ""


def _checked(text: str) -> str:
    if _FORBIDDEN.search(text):
        raise OutputError(f"{text!r} holds characters that XML cannot; rename it.")
    return text


def _text(text: str) -> str:
    return escape(_checked(text), {"\r": "&#13;"})


def _quote(text: str) -> str:
    return quoteattr(_checked(text))
