"""What frames that help each other cost: time per frame of FGFA beside that of the Mask R-CNN within it.

A simulated 640x360 clip goes frame by frame through both, in turn in one process, so that whatever else the
machine does disturbs both alike; loading, decoding and the first frames are not counted. Without
``--detector`` the weights are those of the bundled Mask R-CNN with an untrained embedding, which takes the
same time as a trained one. The last line, ``ratio``, is the median time per frame of the window over that of
the Mask R-CNN: 1.00 is the price of single frames.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from wildact.decode import VideoReader
from wildact.detect import Detector, WindowSettings, build_detector, load_detector, wrap_model
from wildact.simulate import SimulationSettings, simulate_dataset
from wildact.types import Frame

SEED = 7
FPS = 10
SINGLE = "maskrcnn_lite0_fpn"


def draw_frames(seconds: float) -> list[Frame]:
    """The frames of a clip with animals at 640x360, the same each time."""
    settings = SimulationSettings(
        videos=1, seed=SEED, seconds=seconds, sites=1, lights=("day",), blank_share=0, fps=Fraction(FPS)
    )
    with tempfile.TemporaryDirectory() as name:
        simulate_dataset(Path(name), settings)
        (video,) = (path for path in Path(name).rglob("*") if path.suffix in (".mp4", ".avi"))
        with VideoReader(video) as reader:
            return list(reader.frames())


def load_both(name: str | None, radius: int) -> tuple[Detector, Detector]:
    """A Mask R-CNN, and an FGFA with its weights."""
    single = load_detector(SINGLE)
    if name is not None:
        return single, load_detector(name, window=WindowSettings(radius=radius))
    torch.manual_seed(SEED)
    model = build_detector(f"fgfa_{SINGLE}", len(single.classes), weights=SINGLE, **single.card.architecture)
    return single, wrap_model(model, single.card, window=WindowSettings(radius=radius))


def measure_ms(single: Detector, video: Detector, frames: list[Frame], radius: int) -> dict[str, list[float]]:
    """Milliseconds of each frame that came in, for the Mask R-CNN and the window."""
    streams = {
        SINGLE: single.stream(frames),
        f"fgfa_{SINGLE}": video.stream(frames),
    }
    times_ms: dict[str, list[float]] = {name: [] for name in streams}
    for _ in range(len(frames) - radius):  # what is left then comes out without a new frame
        for name, stream in streams.items():
            began = time.perf_counter()
            next(stream)
            times_ms[name].append(1000 * (time.perf_counter() - began))
    return {name: times[2 * radius :] for name, times in times_ms.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", help="an FGFA: name, weights file or run folder")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of the clip")
    parser.add_argument("--radius", type=int, default=WindowSettings().radius, help="K")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # that the embedding is untrained is said above
    times_ms = measure_ms(
        *load_both(options.detector, options.radius), draw_frames(options.seconds), options.radius
    )
    medians = {name: float(np.median(times)) for name, times in times_ms.items()}
    threads, count = torch.get_num_threads(), len(times_ms[SINGLE])
    print(f"{count} frames of 640x360, K = {options.radius}, {threads} threads")
    for name, median in medians.items():
        print(f"{name:<24}{median:>10.1f} ms")
    print(f"ratio {medians[f'fgfa_{SINGLE}'] / medians[SINGLE]:.2f}")


if __name__ == "__main__":
    main()
