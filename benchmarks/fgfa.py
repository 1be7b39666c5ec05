"""What frames that help each other cost: time per frame of FGFA beside that of the Mask R-CNN within it.

A simulated 640x360 clip goes frame by frame through both, and through each way of finding the flow, in turn
in one process, so that whatever else the machine does disturbs all alike; loading, decoding and the first
frames are not counted. Without ``--detector`` the weights are those of the bundled Mask R-CNN with an
untrained embedding, which takes the same time as a trained one.

The last line, ``ratio``, is the median time per frame of the default window over that of the Mask R-CNN: 1.00
is the price of single frames. ``--memory`` instead streams a clip of many minutes, made of the short one
forth and back, and prints the largest resident memory of each minute; its ratio is that of the last minute
over the first.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import torch

from wildact.decode import VideoReader
from wildact.detect import Detector, WindowSettings, build_detector, load_detector, stream_detections
from wildact.simulate import SimulationSettings, simulate_dataset
from wildact.types import Frame

SEED = 7
FPS = 10
SINGLE = "maskrcnn_lite0_fpn"
DEFAULT = "default"
REST_FRAMES = 50
"""Between two readings of the memory."""


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


def load_both(name: str | None) -> tuple[Detector, Detector]:
    """A Mask R-CNN, and an FGFA with its weights."""
    single = load_detector(SINGLE)
    if name is not None:
        return single, load_detector(name)
    torch.manual_seed(SEED)
    model = build_detector(f"fgfa_{SINGLE}", len(single.classes), weights=SINGLE, **single.card.architecture)
    return single, Detector.from_model(model, single.card)


def windows(radius: int) -> dict[str, WindowSettings]:
    """What is compared."""
    default = WindowSettings(radius=radius)
    return {
        DEFAULT: default,
        "every frame": replace(default, step=1),
        "still": replace(default, still=6.0),
        "pairwise": replace(default, step=1, flow="pairwise"),
    }


def measure_ms(single: Detector, video: Detector, frames: list[Frame], radius: int) -> dict[str, list[float]]:
    """Milliseconds of each frame that came in, for the Mask R-CNN and each window."""
    streams = {SINGLE: stream_detections(single, frames)}
    streams |= {name: stream_detections(video, frames, window=w) for name, w in windows(radius).items()}
    times_ms: dict[str, list[float]] = {name: [] for name in streams}
    for _ in range(len(frames) - radius):  # what is left then comes out without a new frame
        for name, stream in streams.items():
            began = time.perf_counter()
            next(stream)
            times_ms[name].append(1000 * (time.perf_counter() - began))
    return {name: times[2:] for name, times in times_ms.items()}


def compare_times(options: argparse.Namespace) -> None:
    frames = draw_frames(options.seconds or (6.0 if options.quick else 20.0))
    times_ms = measure_ms(*load_both(options.detector), frames, options.radius)
    medians = {name: float(np.median(times)) for name, times in times_ms.items()}
    threads, count = torch.get_num_threads(), len(times_ms[SINGLE])
    print(f"{count} frames of 640x360, K = {options.radius}, {threads} threads")
    print(f"{'':<20}{'median ms':>10}{'ratio':>8}")
    for name, median in medians.items():
        print(f"{name:<20}{median:>10.1f}{median / medians[SINGLE]:>8.2f}")
    print(f"ratio {medians[DEFAULT] / medians[SINGLE]:.2f}")


def repeat(frames: list[Frame], count: int) -> Iterator[Frame]:
    """A longer clip: forth and back, so that nothing jumps."""
    there_and_back = itertools.cycle([*frames, *frames[-2:0:-1]])
    for index, frame in enumerate(itertools.islice(there_and_back, count)):
        yield replace(frame, index=index, time=Fraction(index, FPS))


def watch_memory(options: argparse.Namespace) -> None:
    _, video = load_both(options.detector)
    process, per_minute = psutil.Process(), 60 * FPS
    frames = repeat(draw_frames(4.0), round(options.minutes * per_minute))
    peaks: dict[int, int] = {}
    for frame, _ in stream_detections(video, frames, window=WindowSettings(radius=options.radius)):
        if frame.index % REST_FRAMES == 0:
            minute = frame.index // per_minute
            peaks[minute] = max(peaks.get(minute, 0), process.memory_info().rss)
            if frame.index % per_minute == per_minute - REST_FRAMES:
                print(f"minute {minute + 1:>3} {peaks[minute] / 1e6:>8.0f} MB", flush=True)
    print(f"ratio {peaks[max(peaks)] / peaks[0]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", help="an FGFA: name, weights file or run folder")
    parser.add_argument("--quick", action="store_true", help="a shorter clip")
    parser.add_argument("--seconds", type=float, help="length of the clip")
    parser.add_argument("--radius", type=int, default=WindowSettings().radius, help="K")
    parser.add_argument("--memory", action="store_true", help="memory of a long clip instead of times")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long clip")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # that the embedding is untrained is said above
    (watch_memory if options.memory else compare_times)(options)


if __name__ == "__main__":
    main()
