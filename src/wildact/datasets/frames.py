"""What is to be found on one frame of a labelled video, by boxes and by masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wildact.masks import encode_cropped_mask
from wildact.types import Bool, Detections, Float32, Rle, Track


def truth_at(tracks: Sequence[Track], frame: int, species: Sequence[str]) -> tuple[Detections, Bool]:
    """What is to be found on a frame, as a perfect detector would give it.

    Args:
        tracks: annotated.
        frame: number of the frame.
        species: names that the labels of the result index.

    Returns:
        N animals, without masks where one of them has none; and (N,) bool, which of them are groups that
        nobody told apart.

    Raises:
        ValueError: if one is of none of the species.
    """
    seen = _list_seen(tracks, frame)
    masks: list[Rle] = [mask for track, i in seen if (mask := track.masks[i]) is not None]
    truth = Detections(
        boxes=np.array([track.boxes[i] for track, i in seen], np.float32).reshape(-1, 4),
        scores=np.ones(len(seen), np.float32),
        labels=np.array([species.index(track.label) for track, _ in seen], np.int64),
        masks=tuple(masks) if len(masks) == len(seen) else None,
    )
    return truth, np.array([track.crowd for track, _ in seen], bool)


def mask_truth_at(
    tracks: Sequence[Track], frame: int, species: Sequence[str], size: tuple[int, int]
) -> tuple[Detections, Bool] | None:
    """What masks are to be found on a frame, where only some animals have one.

    Args:
        tracks: annotated.
        frame: number of the frame.
        species: names that the labels of the result index.
        size: width and height of the frame, pixels.

    Returns:
        N animals, each with a mask; and (N,) bool, which of them are ignore regions: crowds, and animals
        without a mask, whose mask is then their box. None where there are animals, but none has a mask.
    """
    seen = _list_seen(tracks, frame)
    wanted = [track.masks[i] for track, i in seen if not track.crowd]
    if wanted and all(mask is None for mask in wanted):
        return None
    truth, crowds = truth_at(tracks, frame, species)
    masks = [track.masks[i] for track, i in seen]
    filled = tuple(mask or _fill_box(box, *size) for mask, box in zip(masks, truth.boxes, strict=True))
    unmasked = np.array([mask is None for mask in masks], bool)
    return replace(truth, masks=filled), crowds | unmasked


def _list_seen(tracks: Sequence[Track], frame: int) -> list[tuple[Track, int]]:
    """The tracks that have a box on a frame, each with the box's place."""
    return [(track, place) for track in tracks if (place := track.place_of(frame)) is not None]


def _fill_box(box: Float32, width: int, height: int) -> Rle:
    """A mask of all pixels that a box touches, at least one."""
    x1, y1 = (int(min(max(v, 0), most - 1)) for v, most in zip(box[:2], (width, height), strict=True))
    x2, y2 = (int(min(max(np.ceil(v), low + 1), most))
              for v, low, most in zip(box[2:], (x1, y1), (width, height), strict=True))  # fmt: skip
    return encode_cropped_mask(np.ones((y2 - y1, x2 - x1), bool), x1, y1, height, width)
