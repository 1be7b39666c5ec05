"""Cut single pictures of an animal out of the frames of its track."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from wildact.boxes import box_area
from wildact.clip.crop import crop_region
from wildact.types import Float32, Frame, Image, Track


@dataclass(frozen=True, slots=True)
class StillPlan:
    """The pictures to cut out for one track.

    Attributes:
        track_id: of the track.
        frames: (K,) increasing frame indices.
        boxes: (K, 4) float32 xyxy pixels.
    """

    track_id: int
    frames: tuple[int, ...]
    boxes: Float32


def plan_stills(track: Track, *, count: int = 12) -> StillPlan:
    """Choose the frames that show an animal best, spread over its track.

    The track is divided into ``count`` stretches with as many frames each; of each stretch the frame is taken
    whose detection score times the root of the box area is highest.

    Args:
        track: with at least one frame; interpolated boxes are used only where no detection is.
        count: pictures, at most.
    """
    places = np.flatnonzero(track.observed)
    if len(places) == 0:
        places = np.arange(len(track))
    worth = np.nan_to_num(track.scores, nan=1e-3) * np.sqrt(box_area(track.boxes))
    stretches = [part for part in np.array_split(places, count) if len(part)]
    chosen = np.array([part[worth[part].argmax()] for part in stretches])
    return StillPlan(track.track_id, tuple(track.frames[chosen].tolist()), track.boxes[chosen])


class StillCutter:
    """Cuts the planned pictures out of frames that pass by on their way to somebody else.

    Attributes:
        needed: frames that a plan names.
        pictures: track id to the (size, size, 3) uint8 RGB pictures cut so far.
    """

    def __init__(self, plans: Iterable[StillPlan], *, size: int, context: float) -> None:
        """Prepare to cut pictures.

        Args:
            plans: one for each track.
            size: of the pictures, pixels.
            context: side of a picture as a multiple of the longer side of the box.
        """
        self._size, self._context = size, context
        self._boxes: dict[int, list[tuple[int, Float32]]] = defaultdict(list)
        for plan in plans:
            for index, box in zip(plan.frames, plan.boxes, strict=True):
                self._boxes[index].append((plan.track_id, box))
        self.needed = frozenset(self._boxes)
        self.pictures: dict[int, list[Image]] = defaultdict(list)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames as they come, each after its pictures were cut out."""
        for frame in frames:
            for track_id, box in self._boxes.get(frame.index, ()):
                picture = crop_box(frame.image, box, size=self._size, context=self._context)
                self.pictures[track_id].append(picture)
            yield frame


def crop_box(image: Image, box: Float32, *, size: int, context: float) -> Image:
    """Cut a square around a box.

    Args:
        image: (H, W, 3) uint8.
        box: (4,) xyxy pixels.
        size: of the picture, pixels.
        context: side of the square as a multiple of the longer side of the box.

    Returns:
        (size, size, 3) uint8; the border of the frame goes on outside it.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(x2 - x1, y2 - y1, 1.0) * context
    return crop_region(image, ((x1 + x2) / 2, (y1 + y2) / 2), side, size)
