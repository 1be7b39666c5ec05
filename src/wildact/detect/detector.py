"""What every detector is: a function of an image, and of a stream of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from wildact.types import Detections, Frame, Image
from wildact.weights import WeightCard


class Detector(Protocol):
    """A network with its weights, ready to predict."""

    @property
    def card(self) -> WeightCard:
        """The card of the weights."""

    @property
    def temporal(self) -> bool:
        """Whether the detections of a frame depend on the frames around it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that `Detections.labels` index."""

    def __call__(self, image: Image) -> Detections:
        """Find objects in one image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            Detections by falling score; boxes and masks in pixels of the image.

        Raises:
            ValueError: for an array of another shape or dtype.
        """

    def stream(
        self, frames: Iterable[Frame], *, wanted: Callable[[Frame], bool] = ...
    ) -> Iterator[tuple[Frame, Detections]]:
        """Find objects on the frames of one video, in constant memory.

        Nothing is kept from one call to the next.

        Args:
            frames: in their order; not all frames of the video need to be among them.
            wanted: whether detections of a frame are yielded, or it only helps others; called once for each.

        Yields:
            Each wanted frame with its detections, in the order of the frames.
        """


def want_all(frame: Frame) -> bool:
    """Want the detections of every frame."""
    return True


def check_image(image: Any) -> None:
    """Check that an image is an (H, W, 3) uint8 array.

    Raises:
        ValueError: saying what it is.
    """
    if not isinstance(image, np.ndarray):
        raise ValueError(f"an image must be a NumPy array of (H, W, 3) uint8, not {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape or image.dtype != np.uint8:
        raise ValueError(
            f"an image must be an (H, W, 3) uint8 RGB array, not {image.shape} {image.dtype.name}"
        )
