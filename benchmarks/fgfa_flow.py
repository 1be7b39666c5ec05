"""Where does the flow lead from an animal? The share that lands on the same animal, by its speed.

FGFA can help an animal only where the flow from the current frame to another one leads to the same animal
there. From each cell of an animal's true mask, the flow is followed as in the default window (found between
neighbouring frames, composed), and what lies at its end is looked up in the true masks of that frame. Beside
it stands what no flow at all would hit: the share of the mask that the animal covers on both frames.

Only pairs of frames on which the animal is seen both times count.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wildact.datasets import load_dataset
from wildact.decode import VideoReader
from wildact.detect import WindowSettings, load_detector
from wildact.detect.fgfa import FlowGuidedMaskRCNN
from wildact.detect.warp import chain_flows
from wildact.labels import LabelledVideo
from wildact.masks import decode_mask
from wildact.metrics.motion import SPEEDS, classify_speeds, compute_motion_iou
from wildact.types import Track

CELL_PX = 4
"""Of the finest level of the pyramid."""

FRAME_STEP = 5
"""The flow is followed from every so many frames."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]

Shares = dict[tuple[int, int], list[tuple[int, int, int]]]
"""Speed and distance in frames to: cells of a mask, those led to the animal, those that it covers anyway."""


def find_flows(
    video: LabelledVideo, model: FlowGuidedMaskRCNN, size: tuple[int, int]
) -> Callable[[int, int], torch.Tensor]:
    """What gives the flow (1, 2, H, W), in cells, between two neighbouring frames of these numbers."""
    pixels = (size[0] * CELL_PX, size[1] * CELL_PX)
    with VideoReader(video.info.path) as reader:
        images = (torch.from_numpy(frame.image).permute(2, 0, 1)[None] / 255 for frame in reader.frames())
        prepared = [model.prepare_flow(image[..., : pixels[0], : pixels[1]], pixels) for image in images]
    return cache(lambda start, end: model.find_flow(prepared[start], prepared[end], size))


def shrink_mask(track: Track, place: int, size: tuple[int, int]) -> Mask:
    """(H, W) bool: cells of which the animal covers half."""
    mask = track.masks[place]
    if mask is None:
        raise SystemExit("The data set has no masks.")
    full = torch.from_numpy(decode_mask(mask))[None, None].float()
    return (torch.nn.functional.interpolate(full, size, mode="area")[0, 0] >= 0.5).numpy()


def count_led(flow: torch.Tensor, mask: Mask, other: Mask) -> tuple[int, int, int]:
    """How many cells of an animal end on it.

    Args:
        flow: (2, H, W) from the mask's frame to the other one.
        mask: (H, W) the animal.
        other: (H, W) the animal on the other frame.

    Returns:
        cells of the mask, those that the flow leads to the animal, those that it covers on both frames.
    """
    cells = np.argwhere(mask)
    moved = flow.numpy()[::-1, cells[:, 0], cells[:, 1]].T
    ends = np.rint(cells + moved).astype(int).clip(0, np.array(mask.shape) - 1)
    return len(cells), int(other[ends[:, 0], ends[:, 1]].sum()), int((mask & other).sum())


def measure(video: LabelledVideo, model: FlowGuidedMaskRCNN, distances: list[int], shares: Shares) -> None:
    """Add one video to ``shares``."""
    size = video.info.height // CELL_PX, video.info.width // CELL_PX
    step = find_flows(video, model, size)
    for track in video.tracks:
        speeds = classify_speeds(compute_motion_iou(track, video.info.fps))
        masks = {int(frame): shrink_mask(track, i, size) for i, frame in enumerate(track.frames)}
        seen = {frame for frame, mask in masks.items() if mask.any()}
        for frame, speed in zip(track.frames.tolist(), speeds.tolist(), strict=True):
            others = [frame + sign * distance for distance in distances for sign in (-1, 1)]
            others = [other for other in others if other in seen]
            if frame % FRAME_STEP or speed < 0 or frame not in seen or not others:
                continue
            flows = chain_flows(step, frame, others)
            for other in others:
                counts = count_led(flows[other][0], masks[frame], masks[other])
                shares[speed, abs(other - frame)].append(counts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", help="run folder of an FGFA")
    parser.add_argument("--data", type=Path, default=Path("data/test"), help="videos with labelled masks")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th video")
    parser.add_argument("--light", choices=("day", "dusk", "ir"), help="videos of this light only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_detector(options.video).model
    window = WindowSettings()
    distances = list(range(1, window.radius + 1, window.step))
    shares: Shares = defaultdict(list)
    videos = load_dataset(options.data).videos[:: options.every]
    with torch.inference_mode():
        for video in videos:
            if options.light in (None, video.light):
                measure(video, model, distances, shares)
    print(f"{'':<8}{'frames apart':>14}{'pairs':>8}{'led to the animal':>20}{'without flow':>14}")
    for speed, distance in sorted(shares):
        cells, led, kept = (np.array(of) for of in zip(*shares[speed, distance], strict=True))
        print(
            f"{SPEEDS[speed]:<8}{distance:>14}{len(cells):>8}"
            f"{(led / cells).mean():>20.2f}{(kept / cells).mean():>14.2f}"
        )


if __name__ == "__main__":
    main()
