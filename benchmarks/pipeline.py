"""Where the time of `wildact run` goes: seconds and share of each stage on one simulated clip.

A 640x360 clip at 30 frames per second, drawn with a fixed seed, goes through the whole pipeline, its pictures
and its annotated video included. Loading the networks is not counted; one short clip goes ahead, so that the
first pass through the networks is not counted either. Stages are timed apart from those they wait for, so the
shares add up to 1.

The last line, ``ratio``, is the time of everything but the two networks (``detect`` and ``recognize``, with
the resizing, masks and normalisation around them) divided by all of it. It is 0 where the networks are all
that takes time; the lower, the less there is to gain outside of them. It depends on the machine: on a GPU the
networks are faster and the ratio is higher.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from wildact import defaults
from wildact.pipeline import (
    AnalysisSettings,
    Models,
    analyze_video,
    load_models,
    write_outputs,
)
from wildact.simulate import SimulationSettings, simulate_dataset
from wildact.types import VideoResult

SEED = 7
NETWORKS = ("detect", "recognize")


def draw_clip(folder: Path, seconds: float) -> Path:
    """A clip with animals at 640x360, the same each time."""
    settings = SimulationSettings(
        videos=1, seed=SEED, seconds=seconds, sites=1, lights=("day",), blank_share=0, fps=Fraction(30)
    )
    simulate_dataset(folder, settings)
    (video,) = (path for path in folder.rglob("*") if path.suffix in (".mp4", ".avi"))
    return video


def measure(video: Path, out: Path, models: Models, settings: AnalysisSettings) -> VideoResult:
    """The whole pipeline on one video; the result's ``timings_s`` hold the seconds of each stage."""
    out.mkdir()
    result = analyze_video(video, models, settings)
    return write_outputs(out, result, title=video.name)


def print_table(timings_s: Mapping[str, float]) -> None:
    total_s = sum(timings_s.values())
    print(f"{'stage':<12}{'seconds':>9}{'share':>8}")
    for stage, seconds in sorted(timings_s.items(), key=lambda item: -item[1]):
        print(f"{stage:<12}{seconds:>9.2f}{seconds / total_s:>8.1%}")
    print(f"{'all':<12}{total_s:>9.2f}")
    print(f"ratio {1 - sum(timings_s.get(stage, 0.0) for stage in NETWORKS) / total_s:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", default=defaults.DETECTOR, help="name, weights file or run folder")
    parser.add_argument("--recognizer", default=defaults.RECOGNIZER, help="name, weights file or run folder")
    parser.add_argument("--fps", type=Fraction, default=Fraction(10), help="detections per second")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    options = parser.parse_args()
    settings = AnalysisSettings(
        detector=options.detector, recognizer=options.recognizer, fps=options.fps, device=options.device
    )
    models = load_models(settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm_up = draw_clip(folder / "short", 1.0)
        video = draw_clip(folder / "long", options.seconds)
        measure(warm_up, folder / "out-short", models, settings)
        result = measure(video, folder / "out-long", models, settings)
    info = result.info
    print(
        f"{info.width}x{info.height}, {float(info.duration or 0):.1f} s at {float(info.fps):g} fps, "
        f"{len(result.detected)} frames detected, {len(result.tracks)} animals, "
        f"{sum(len(scores.scores) for scores in result.actions)} clips recognized, on {options.device}"
    )
    print_table(result.timings_s)


if __name__ == "__main__":
    main()
