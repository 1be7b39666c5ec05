"""What moves: each frame with grey pictures of the moments around it, as further channels.

A camera trap does not move. What an animal looks like is hard to tell behind branches or at dusk; that it
was not there a moment ago is plain to see. So a network may be shown, beside a frame, how the place looked a
little before, a little after, and mostly during the seconds around it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.mask_rcnn import MaskRCNN

from wildact.backbones import lite0
from wildact.detect.mask_rcnn import Lite0Fpn, build_maskrcnn_lite0_fpn
from wildact.types import Float64, Frame, Image, Int64

CHANNELS = 6
"""RGB; grey before, after, and of the background."""

BESIDE_S = 0.4
"""Seconds to the frames before and after: a walking animal moves by a leg."""

PAST_S, FUTURE_S = 3.0, 2.0
"""Seconds around a frame of which the background is the median: the past is cheaper to remember."""

BACKGROUND_FRAMES = 5
"""Frames, spread evenly over these seconds, of which the median is taken."""

ANOTHER_PLACE = 16
"""Grey levels by which half of the pixels differ where the camera has moved, or its lamp went on."""

GREY_MEAN, GREY_STD = lite0.MEAN[0], lite0.STD[0]
GAIN = 8.0  # grey levels that differ by an eighth of the range are as strong as black against white
_WEIGHTS = (0.299, 0.587, 0.114)  # of OpenCV, which makes the grey pictures
TO_GREY = tuple(weight * std / GREY_STD for weight, std in zip(_WEIGHTS, lite0.STD, strict=True))
GREY_OFFSET = (sum(w * mean for w, mean in zip(_WEIGHTS, lite0.MEAN, strict=True)) - GREY_MEAN) / GREY_STD


def choose_beside(times_s: Float64, current: int) -> Int64:
    """Which frames say what moves around one of them.

    Args:
        times_s: (N,) of the frames at hand, rising.
        current: index of one.

    Returns:
        (2 + `BACKGROUND_FRAMES`,) indices: the frames before, after, and those of the background. Where the
        video ends, the nearest there are.
    """
    now = times_s[current]
    around = np.linspace(max(now - PAST_S, times_s[0]), min(now + FUTURE_S, times_s[-1]), BACKGROUND_FRAMES)
    wanted = np.concatenate([[now - BESIDE_S, now + BESIDE_S], around])
    return np.asarray(np.abs(times_s[:, None] - wanted).argmin(axis=0), np.int64)


def stack_motion(image: Image, beside: Sequence[Image]) -> Image:
    """A frame with what was there around it.

    Args:
        image: (H, W, 3) uint8 RGB.
        beside: (H, W) uint8 grey, of the frames that `choose_beside` chose; empty: nothing moves.

    Returns:
        (H, W, 6) uint8.
    """
    if not beside:
        return np.dstack([image, *[to_grey(image)] * 3])
    grey = to_grey(image)
    before, after, *around = beside
    shown = [other if _is_same_place(grey, other) else grey for other in (before, after, _median(around))]
    return np.dstack([image, *shown])


def _median(images: Sequence[Image]) -> Image:
    """Of five, in few passes over them: of the others the larger of the smaller ones, and the reverse."""
    a, b, c, d, e = images
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.asarray(np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e)), np.uint8)


def _is_same_place(grey: Image, other: Image) -> bool:
    """Whether a camera stood still; else everything would seem to move, and that says nothing."""
    some = np.s_[::4, ::4]
    differences = cv2.absdiff(np.ascontiguousarray(grey[some]), np.ascontiguousarray(other[some]))
    return bool(np.median(differences) < ANOTHER_PLACE)


def to_grey(image: Image) -> Image:
    """(H, W) uint8 of (H, W, 3) uint8 RGB."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def resize_channels(image: Image, size: tuple[int, int], method: int) -> Image:
    """OpenCV's resize, for six channels too: it averages areas of up to four."""
    parts = [image[..., k : k + 3] for k in range(0, image.shape[2], 3)]
    return np.dstack([cv2.resize(np.ascontiguousarray(part), size, interpolation=method) for part in parts])


class MotionFpn(Lite0Fpn):
    """EfficientNet-Lite0 with a feature pyramid; what moves is added to what is seen, at each stride.

    The layers that are added end in zeros: before any training the network sees what it saw without them.
    """

    def __init__(self, channels: int, *, width: int = 32) -> None:
        """Untrained.

        Args:
            channels: of the pyramid.
            width: channels of what moves, at stride 4; doubled at 16.
        """
        super().__init__(channels)
        widths = (width, width * 3 // 2, width * 2, width * 2)
        self.motion = nn.ModuleList(
            _motion_layers(16 if k == 0 else widths[k - 1], widths[k], 1 if k == 0 else 2) for k in range(4)
        )
        self.joints = nn.ModuleList(
            nn.Conv2d(inner, outer, 1) for inner, outer in zip(widths, lite0.OUTPUT_CHANNELS, strict=True)
        )
        for parameter in self.joints.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Any:
        """(N, 6, H, W) to a dict of five (N, channels, H / stride, W / stride)."""
        moved = self._see_motion(x)
        seen = F.relu6(self.body.conv_stem(x[:, :3].contiguous(memory_format=torch.channels_last)))
        features: dict[str, Tensor] = {}
        for number, stage in enumerate(self.body.stages):
            seen = stage(seen)
            if number in lite0.OUTPUT_STAGES:
                level = len(features)
                moved = self.motion[level](moved)
                seen = seen + self.joints[level](moved)
                features[str(level)] = seen
        return self.fpn(features)

    def _see_motion(self, x: Tensor) -> Tensor:
        """(N, 16, H / 4, W / 4): grey, and by how much it differs from before, after and background."""
        red, green, blue = (x[:, k : k + 1] * TO_GREY[k] for k in range(3))
        grey = red + green + blue + GREY_OFFSET
        seen = torch.cat([grey, (x[:, 3:] - grey) * (GAIN * GREY_STD)], dim=1)
        small = F.pixel_unshuffle(F.avg_pool2d(seen, 2), 2)
        return small.contiguous(memory_format=torch.channels_last)


def _motion_layers(channels: int, out_channels: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, stride, padding=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(),
    )


def add_motion(
    frames: Iterable[Frame],
    *,
    shrink: Callable[[Image], Image] = lambda image: image,
    wanted: Callable[[Frame], bool] = lambda frame: True,
) -> Iterator[tuple[Frame, Image]]:
    """Each frame with what `stack_motion` makes of it; it comes out `FUTURE_S` after it came in.

    Args:
        frames: of one size, in their order.
        shrink: to the size of what comes out.
        wanted: whether a frame comes out, or only says what moves in others.
    """
    seen: deque[tuple[float, Image]] = deque()
    waiting: deque[tuple[float, Frame, Image]] = deque()
    for frame in frames:
        now, image = float(frame.time), shrink(frame.image)
        seen.append((now, to_grey(image)))
        if wanted(frame):
            waiting.append((now, frame, image))
        while waiting and waiting[0][0] + FUTURE_S <= now:
            yield _stack(*waiting.popleft(), seen)
        while not waiting and seen[0][0] < now - PAST_S - FUTURE_S:
            seen.popleft()
    while waiting:
        yield _stack(*waiting.popleft(), seen)


def _stack(now: float, frame: Frame, image: Image, seen: deque[tuple[float, Image]]) -> tuple[Frame, Image]:
    while seen[0][0] < now - PAST_S:
        seen.popleft()
    times_s = np.array([time for time, _ in seen])
    beside = choose_beside(times_s, int(np.searchsorted(times_s, now)))
    return frame, stack_motion(image, [seen[k][1] for k in beside])


def build_motion_maskrcnn_lite0_fpn(num_classes: int, *, channels: int = 64, **mask_rcnn: Any) -> MaskRCNN:
    """The small Mask R-CNN, shown what moves.

    Args:
        num_classes: with the background.
        channels: of the pyramid and the heads.
        **mask_rcnn: of `build_maskrcnn_lite0_fpn`.

    Returns:
        a torchvision ``MaskRCNN``: takes a list of (6, H, W) float in [0, 1], see `stack_motion`.
    """
    model = build_maskrcnn_lite0_fpn(num_classes, channels=channels, **mask_rcnn)
    model.backbone = MotionFpn(channels)
    model.transform.image_mean += [GREY_MEAN] * 3
    model.transform.image_std += [GREY_STD] * 3
    return model


def sees_motion(model: Any) -> bool:
    """Whether a detector wants to be shown what moves."""
    return isinstance(getattr(model, "backbone", None), MotionFpn)
