"""What is to be found on one frame of a labelled video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wildact.errors import DatasetError
from wildact.types import Detections, LabelledVideo, Rle


def labels_at(video: LabelledVideo, frame: int, species: Sequence[str]) -> Detections:
    """The animals that are seen on a frame, as a perfect detector would give them.

    Args:
        video: whose tracks are looked at.
        frame: its number.
        species: names that the labels of the result index.

    Raises:
        DatasetError: if an animal is of none of the species, or has no mask on this frame.
    """
    boxes, labels = [], []
    masks: list[Rle] = []
    for track in video.tracks:
        place = int(np.searchsorted(track.frames, frame))
        if place == len(track) or track.frames[place] != frame:
            continue
        mask = track.masks[place]
        where = f"{video.info.path}: track {track.track_id}"
        if track.label not in species:
            raise DatasetError(f"{where} is a {track.label}, which the network does not know.")
        if mask is None:
            raise DatasetError(f"{where} has no mask on frame {frame}: masks cannot be scored.")
        boxes.append(track.boxes[place])
        labels.append(species.index(track.label))
        masks.append(mask)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.ones(len(boxes), np.float32),
        labels=np.array(labels, np.int64),
        masks=tuple(masks),
    )
