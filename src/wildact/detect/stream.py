"""A video of any length through a detector, frame by frame, in constant memory.

A detector that looks at one frame at a time passes frames on in small batches. One that lets frames help each
other (`wildact.detect.fgfa`) gives a frame back when the K frames after it were seen. At the ends of a video
the window is what there is of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import TypeVar

import torch

from wildact.detect.fgfa import FeatureWindow, FlowGuidedMaskRCNN, WindowSettings
from wildact.detect.predict import Detector, predict_detections, prepare_images, to_detections
from wildact.types import Detections, Frame

DEFAULT_WINDOW = WindowSettings()

T = TypeVar("T")


def stream_detections(
    detector: Detector,
    frames: Iterable[Frame],
    *,
    window: WindowSettings = DEFAULT_WINDOW,
    batch_size: int = 1,
    wanted: Callable[[Frame], bool] = lambda frame: True,
) -> Iterator[tuple[Frame, Detections]]:
    """Find the animals on the frames of one video.

    Frames of another size than those before begin a new window. Nothing is kept from one call to the next.

    Args:
        detector: see `load_detector`.
        frames: in their order; not all frames of the video need to be among them.
        window: which frames help a video detector; of no meaning to others.
        batch_size: frames per pass through a detector of single frames.
        wanted: whether a frame is looked at, or only helps others; asked once for each frame.

    Yields:
        Each wanted frame with what is on it, in the order of the frames.
    """
    if looks_around(detector):
        for _, part in groupby(frames, key=lambda frame: frame.image.shape):
            yield from _stream_window(detector, part, window, wanted)
        return
    for batch in _batches(filter(wanted, frames), batch_size):
        found = predict_detections(detector, [frame.image for frame in batch])
        yield from zip(batch, found, strict=True)


def looks_around(detector: Detector) -> bool:
    """Whether what it finds on a frame depends on the frames around it, too."""
    return isinstance(detector.model, FlowGuidedMaskRCNN)


def _stream_window(
    detector: Detector, frames: Iterable[Frame], settings: WindowSettings, wanted: Callable[[Frame], bool]
) -> Iterator[tuple[Frame, Detections]]:
    """Pass frames of one size through a window of their own."""
    window = FeatureWindow(detector.model, settings)
    waiting: deque[tuple[int, Frame]] = deque()
    for frame in frames:
        if wanted(frame):
            waiting.append((window.pushed, frame))
        with torch.inference_mode():
            (tensor,), (size,) = prepare_images(detector, [frame.image])
            window.push(tensor)
        if waiting and waiting[0][0] + settings.radius < window.pushed:
            yield _detect(detector, window, *waiting.popleft(), size)
    while waiting:
        yield _detect(detector, window, *waiting.popleft(), size)


def _detect(
    detector: Detector, window: FeatureWindow, number: int, frame: Frame, size: tuple[int, int]
) -> tuple[Frame, Detections]:
    with torch.inference_mode():
        (output,), _ = detector.model.detect(window.aggregate(number), window.shape, [size])
    return frame, to_detections(output, size, frame.image.shape[:2], detector.keep)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
