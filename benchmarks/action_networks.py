"""What a clip costs in each of several action networks: CPU time per clip beside that of the first.

A network is given as its name, or as ``NAME:key=value,...`` with options of its builder; ``frames`` and
``size`` are those of the clips it is shown. All take turns in one process, so that what else the machine does
falls on each alike; the figure is the median.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from wildact.recognize import build_recognizer, to_channels_last

NUM_ACTIONS = 6
DEFAULT = (
    "lite0_tsm",
    "slowfast_r50:width=16,frames=16,size=96",
    "r2plus1d_18:widths=[16,32,64,128],frames=16,size=96",
)


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options of a network."""
    name, _, options = text.partition(":")
    return name, tomllib.loads(f"options = {{{options}}}")["options"]


def make(text: str, batch: int) -> tuple[Callable[[], Any], int]:
    """A function that runs a network on ``batch`` clips of noise, and the number of its weights."""
    name, options = parse(text)
    frames, size = options.pop("frames", 8), options.pop("size", 96)
    if name.startswith("slowfast"):
        options |= {"num_frames": frames, "crop_size": size}
    model = to_channels_last(build_recognizer(name, NUM_ACTIONS, **options).eval())
    clips = torch.randn(batch, 3, frames, size, size).to(memory_format=torch.channels_last_3d)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return (lambda: model(clips)), parameters


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", default=DEFAULT)
    parser.add_argument("--batch", type=int, default=8, help="clips at once")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    made = {text: make(text, options.batch) for text in options.networks}
    times: dict[str, list[float]] = {text: [] for text in made}
    with torch.inference_mode():
        for _ in range(options.rounds + 2):
            for text, (run, _) in made.items():
                begin = time.thread_time()
                run()
                times[text].append(time.thread_time() - begin)
    median = {text: float(np.median(times[text][2:])) / options.batch for text in made}
    first = next(iter(median.values()))
    print(f"{'network':<48} {'million weights':>16} {'ms per clip':>12} {'ratio':>6}")
    for text, (_, parameters) in made.items():
        cost = median[text]
        print(f"{text:<48} {parameters / 1e6:>16.2f} {1000 * cost:>12.1f} {cost / first:>6.2f}")


if __name__ == "__main__":
    main()
