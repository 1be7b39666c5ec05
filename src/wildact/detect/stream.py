"""A video of any length through a detector, frame by frame, in constant memory.

A detector that looks at one frame at a time passes frames on in small batches. One that lets frames help each
other (`wildact.detect.fgfa`) keeps the features of the 2K + 1 frames around the current one, each computed
once; a frame comes out when the K frames after it were seen. At the ends of a video the window is what there
is of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

import torch

from wildact.detect.fgfa import FlowGuidedMaskRCNN
from wildact.detect.predict import (
    Detector,
    make_batch,
    predict_detections,
    prepare_images,
    run_heads,
    to_detections,
)
from wildact.detect.window import FeatureWindow, WindowSettings
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
        batch_size: frames per pass through the network.
        wanted: whether a frame is looked at, or only helps others; asked once for each frame.

    Yields:
        Each wanted frame with what is on it, in the order of the frames.
    """
    if isinstance(detector.model, FlowGuidedMaskRCNN):
        for _, part in groupby(frames, key=lambda frame: frame.image.shape):
            yield from _stream_window(detector, part, window, batch_size, wanted)
        return
    for batch in _batches(filter(wanted, frames), batch_size):
        found = predict_detections(detector, [frame.image for frame in batch])
        yield from zip(batch, found, strict=True)


def looks_around(detector: Detector) -> bool:
    """Whether what it finds on a frame depends on the frames around it, too."""
    return isinstance(detector.model, FlowGuidedMaskRCNN)


def _stream_window(
    detector: Detector,
    frames: Iterable[Frame],
    settings: WindowSettings,
    batch_size: int,
    wanted: Callable[[Frame], bool],
) -> Iterator[tuple[Frame, Detections]]:
    """Frames of one size through a window of their own."""
    window = FeatureWindow(detector.model, settings, spare=batch_size - 1)
    waiting: deque[tuple[int, Frame]] = deque()
    for batch in _batches(frames, batch_size):
        waiting += [(window.pushed + k, frame) for k, frame in enumerate(batch) if wanted(frame)]
        with torch.inference_mode():
            tensors, sizes = prepare_images(detector, [frame.image for frame in batch])
            window.push(make_batch(detector, tensors), tensors)
        ready = []
        while waiting and waiting[0][0] + settings.radius < window.pushed:
            ready.append(waiting.popleft())
        yield from _find(detector, window, ready, sizes[0])
    for last in _batches(waiting, batch_size):
        yield from _find(detector, window, last, sizes[0])


def _find(
    detector: Detector, window: FeatureWindow, ready: Sequence[tuple[int, Frame]], size: tuple[int, int]
) -> Iterator[tuple[Frame, Detections]]:
    """What is on frames whose window is complete, given with their numbers."""
    if not ready:
        return
    with torch.inference_mode():
        features = window.aggregate([number for number, _ in ready])
        outputs = run_heads(detector.model, features, window.shape_of(len(ready)).shape, [size] * len(ready))
    for (_, frame), output in zip(ready, outputs, strict=True):
        yield frame, to_detections(output, size, frame.image.shape[:2], detector.keep)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
