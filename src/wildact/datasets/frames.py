"""What is to be found on one frame of a labelled video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wildact.types import Bool, Detections, Rle, Track


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
    seen: list[tuple[Track, int]] = []
    for track in tracks:
        place = track.place_of(frame)
        if place is not None:
            seen.append((track, place))
    masks: list[Rle] = [mask for track, i in seen if (mask := track.masks[i]) is not None]
    truth = Detections(
        boxes=np.array([track.boxes[i] for track, i in seen], np.float32).reshape(-1, 4),
        scores=np.ones(len(seen), np.float32),
        labels=np.array([species.index(track.label) for track, _ in seen], np.int64),
        masks=tuple(masks) if len(masks) == len(seen) else None,
    )
    return truth, np.array([track.crowd for track, _ in seen], bool)
