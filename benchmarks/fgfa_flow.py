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
from pathlib import Path

import numpy as np
import torch

from wildact.datasets import load_dataset
from wildact.decode import VideoReader
from wildact.detect import WindowSettings, load_detector
from wildact.detect.fgfa import FlowGuidedMaskRCNN
from wildact.detect.warp import compose
from wildact.masks import decode_mask
from wildact.metrics.motion import SPEEDS, classify_speeds, compute_motion_iou
from wildact.types import LabelledVideo, Track

CELL_PX = 4
"""Of the finest level of the pyramid."""

Shares = dict[tuple[int, int], list[tuple[int, int, int]]]
"""Speed and distance in frames to: cells of a mask, those led to the animal, those that it covers anyway."""


def read_images(video: LabelledVideo) -> torch.Tensor:
    """(F, 3, H, W) float in [0, 1]."""
    with VideoReader(video.info.path) as reader:
        images = np.stack([frame.image for frame in reader.frames()])
    return torch.from_numpy(images).permute(0, 3, 1, 2) / 255


def follow(
    model: FlowGuidedMaskRCNN, prepared: list[torch.Tensor], size: tuple[int, int], radius: int
) -> dict[tuple[int, int], torch.Tensor]:
    """Frame and distance to the flow (2, H, W) in cells, composed of flows between neighbours."""
    flows = {}
    for direction in (-1, 1):
        steps = {
            i: model.find_flow(prepared[i], prepared[i + direction], size)
            for i in range(len(prepared))
            if 0 <= i + direction < len(prepared)
        }
        for i in steps:
            flow = steps[i]
            for distance in range(1, radius + 1):
                flows[i, direction * distance] = flow[0]
                if i + direction * distance not in steps:
                    break
                flow = compose(flow, steps[i + direction * distance])
    return flows


def shrink_mask(track: Track, place: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: cells of which the animal covers half."""
    mask = track.masks[place]
    if mask is None:
        raise SystemExit("The data set has no masks.")
    full = torch.from_numpy(decode_mask(mask))[None, None].float()
    return (torch.nn.functional.interpolate(full, size, mode="area")[0, 0] >= 0.5).numpy()


def measure(
    video: LabelledVideo, model: FlowGuidedMaskRCNN, distances: list[int], every: int, shares: Shares
) -> None:
    """Add one video to ``shares``."""
    images = read_images(video)
    size = images.shape[2] // CELL_PX, images.shape[3] // CELL_PX
    pixels = (size[0] * CELL_PX, size[1] * CELL_PX)
    prepared = [model.prepare_flow(image[None, :, : pixels[0], : pixels[1]], pixels) for image in images]
    flows = follow(model, prepared, size, max(distances))
    for track in video.tracks:
        speeds = classify_speeds(compute_motion_iou(track, video.info.fps))
        masks = {int(frame): shrink_mask(track, i, size) for i, frame in enumerate(track.frames)}
        for place, frame in enumerate(track.frames.tolist()):
            cells = np.argwhere(masks[frame])
            if frame % every or speeds[place] < 0 or not len(cells):
                continue
            for distance in distances:
                for signed in (-distance, distance):
                    other = masks.get(frame + signed)
                    if other is None or not other.any() or (frame, signed) not in flows:
                        continue
                    moved = flows[frame, signed].numpy()[::-1, cells[:, 0], cells[:, 1]].T
                    ends = np.rint(cells + moved).astype(int).clip(0, np.array(size) - 1)
                    led = int(other[ends[:, 0], ends[:, 1]].sum())
                    kept = int(other[cells[:, 0], cells[:, 1]].sum())
                    shares[int(speeds[place]), distance].append((len(cells), led, kept))


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
                measure(video, model, distances, 5, shares)
    print(f"{'':<8}{'frames apart':>14}{'pairs':>8}{'led to the animal':>20}{'without flow':>14}")
    for speed, distance in sorted(shares):
        cells, led, kept = (np.array(of) for of in zip(*shares[speed, distance], strict=True))
        print(
            f"{SPEEDS[speed]:<8}{distance:>14}{len(cells):>8}"
            f"{(led / cells).mean():>20.2f}{(kept / cells).mean():>14.2f}"
        )


if __name__ == "__main__":
    main()
