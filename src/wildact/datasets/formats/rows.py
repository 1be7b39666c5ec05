"""Tracks gathered box by box from formats that list boxes rather than tracks."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from wildact.datasets.limits import LARGEST, MAX_FRAMES, MAX_PX
from wildact.types import Rle, Track


@dataclass(slots=True)
class TrackRows:
    """The boxes of one track so far, in any order, in little memory.

    Attributes:
        label: species.
        crowd: whether it is a group.
        frames: their numbers.
        boxes: four numbers for each frame, xyxy pixels.
        masks: frame -> mask, where there is one.
        occluded: frames on which the animal is marked as partly hidden.
        scores: frame -> score, where it is not 1.
    """

    label: str
    crowd: bool = False
    frames: array[int] = field(default_factory=lambda: array("q"))
    boxes: array[float] = field(default_factory=lambda: array("d"))
    masks: dict[int, Rle] = field(default_factory=dict)
    occluded: set[int] = field(default_factory=set)
    scores: dict[int, float] = field(default_factory=dict)

    def add(self, frame: int, box: tuple[float, float, float, float], mask: Rle | None = None) -> None:
        """Add the box, in xyxy pixels, of one frame.

        Raises:
            ValueError: if the box is empty or far too large, or no video is so long.
        """
        if not 0 <= frame < MAX_FRAMES:
            raise ValueError(f"no video has a frame {frame}")
        x1, y1, x2, y2 = box
        if not (-MAX_PX < x1 < x2 < MAX_PX and -MAX_PX < y1 < y2 < MAX_PX):
            raise ValueError(f"the box {x1:g}, {y1:g} to {x2:g}, {y2:g} is empty or out of range")
        self.frames.append(frame)
        self.boxes.extend(box)
        if mask is not None:
            self.masks[frame] = mask

    def build(self, track_id: int) -> Track:
        """The track.

        Raises:
            ValueError: if a frame comes twice, or the number is too large.
        """
        if not 0 <= track_id <= LARGEST:
            raise ValueError(f"{track_id} cannot be the number of a track")
        frames = np.array(self.frames, np.int64)
        order = np.argsort(frames, kind="stable")
        frames = frames[order]
        if len(twice := frames[1:][frames[1:] == frames[:-1]]):
            raise ValueError(f"there are two boxes for frame {twice[0]}")
        boxes = np.array(self.boxes, np.float64).reshape(-1, 4)[order].astype(np.float32)
        listed = frames.tolist()
        occluded = np.array([frame in self.occluded for frame in listed]) if self.occluded else None
        return Track(
            track_id=track_id,
            label=self.label,
            label_score=1.0,
            frames=frames,
            boxes=boxes,
            scores=np.array([self.scores.get(frame, 1.0) for frame in listed], np.float32),
            masks=tuple(self.masks.get(frame) for frame in listed),
            occluded=occluded,
            crowd=self.crowd,
        )
