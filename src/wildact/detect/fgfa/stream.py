"""A video of any length through FGFA, frame by frame, in constant memory.

What is computed of a frame (`Encoded`) is kept for the 2K + 1 frames of a window. Flow is found between
neighbouring frames only, both ways, and composed along the window: two flows a frame instead of 2K.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import torch
from torch import Tensor

from wildact.detect.detector import want_all
from wildact.detect.fgfa.network import Encoded, FlowGuidedMaskRCNN
from wildact.detect.fgfa.warp import compose
from wildact.detect.torch_detector import TorchDetector
from wildact.errors import UsageError
from wildact.types import Detections, Frame, Image


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Which frames help the current one.

    Attributes:
        radius: K, frames before and after.
        step: every so many of them helps: of 10 with a step of 3 the first, fourth, seventh and tenth.
    """

    radius: int = 10
    step: int = 3

    def __post_init__(self) -> None:
        if self.radius < 0 or self.step < 1:
            raise UsageError("a window's radius is 0 or more, and its step is 1 or more.")


DEFAULT_WINDOW = WindowSettings()


class FeatureWindow:
    """The last 2K + 1 frames of a video, and the flow between neighbouring ones.

    Attributes:
        pushed: frames so far; they are numbered from 0.
    """

    def __init__(self, model: FlowGuidedMaskRCNN, settings: WindowSettings) -> None:
        self.model, self.settings = model, settings
        self.pushed = 0
        length = 2 * settings.radius + 1
        self._frames: deque[Encoded] = deque(maxlen=length)
        # between each frame and the one before it: forwards to the frame, backwards from it
        self._flows: deque[tuple[Tensor, Tensor] | None] = deque(maxlen=length)

    def push(self, image: Tensor) -> None:
        """Take in the next frame, (3, h, w) float RGB in [0, 1], scaled as the network is to see it."""
        frame = self.model.encode([image])
        flows = None
        if self._frames and self.settings.radius:
            before = self._frames[-1]
            flows = self.model.find_flow(before, frame), self.model.find_flow(frame, before)
        self._frames.append(frame)
        self._flows.append(flows)
        self.pushed += 1

    def aggregate(self, number: int) -> OrderedDict[str, Tensor]:
        """Average the features of a frame with those of its window, as far as the video reaches.

        Args:
            number: of one of the last K + 1 frames.

        Returns:
            The pyramid, (1, C, H, W) each.
        """
        current = number - (self.pushed - len(self._frames))
        others, flows = [], []
        for direction in (-1, 1):
            flow: Tensor | None = None
            for distance in range(1, self.settings.radius + 1):
                place = current + direction * distance
                if not 0 <= place < len(self._frames):
                    break
                between = self._between(place - direction, place)
                flow = between if flow is None else compose(flow, between)
                if (distance - 1) % self.settings.step == 0:
                    others.append(self._frames[place])
                    flows.append(flow)
        return self.model.aggregate(self._frames[current], others, flows)

    def _between(self, start: int, end: int) -> Tensor:
        """Return the flow (1, 2, H, W) from one place of the window to the next, or to the one before."""
        flows = self._flows[max(start, end)]
        assert flows is not None
        return flows[0] if end > start else flows[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the padded frames."""
        return self._frames[-1].shape


@dataclass(frozen=True, slots=True)
class FlowGuidedDetector(TorchDetector):
    """A `FlowGuidedMaskRCNN` as a `wildact.detect.Detector`.

    Attributes:
        window: which frames help the current one.
    """

    window: WindowSettings = DEFAULT_WINDOW
    temporal: bool = True

    def __call__(self, image: Image) -> Detections:
        """Find objects in one (H, W, 3) uint8 RGB image, without the help of others."""
        ((_, found),) = self.stream([Frame(0, Fraction(0), image)])
        return found

    def stream(
        self, frames: Iterable[Frame], *, wanted: Callable[[Frame], bool] = want_all
    ) -> Iterator[tuple[Frame, Detections]]:
        """Find objects on the wanted frames of a video; see `wildact.detect.Detector`.

        A frame is yielded when the K frames after it were read. At the ends of a video the window is what
        there is of it. Frames of another size than those before begin a new window.
        """
        for _, part in groupby(frames, key=lambda frame: frame.image.shape):
            yield from self._stream_window(part, wanted)

    def _stream_window(
        self, frames: Iterable[Frame], wanted: Callable[[Frame], bool]
    ) -> Iterator[tuple[Frame, Detections]]:
        """Pass frames of one size through a window of their own."""
        window = FeatureWindow(self.model, self.window)
        waiting: deque[tuple[int, Frame]] = deque()
        size = (0, 0)
        for frame in frames:
            if wanted(frame):
                waiting.append((window.pushed, frame))
            with torch.inference_mode():
                tensor, _ = self.model.transform.resize(self.to_tensor(frame.image))
                window.push(tensor)
            size = (int(tensor.shape[1]), int(tensor.shape[2]))
            if waiting and waiting[0][0] + self.window.radius < window.pushed:
                yield self._detect(window, *waiting.popleft(), size)
        while waiting:
            yield self._detect(window, *waiting.popleft(), size)

    def _detect(
        self, window: FeatureWindow, number: int, frame: Frame, size: tuple[int, int]
    ) -> tuple[Frame, Detections]:
        original = (frame.image.shape[0], frame.image.shape[1])
        with torch.inference_mode():
            found, _ = self.model.detect(window.aggregate(number), window.shape, [size])
            (output,) = self.model.transform.postprocess(found, [size], [original])
        return frame, self.to_detections(output, original)
