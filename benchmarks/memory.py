"""Does the memory of `wildact run` grow with the length of a video? Peak memory for 1 and for 10 minutes.

Both videos are 1920x1080 H.264 at 30 frames per second; the long one is the packets of a short one, repeated
without encoding them again, so that both show the same. Each is analysed by ``wildact run`` in a process of
its own, once without and once with the annotated video.

A peak is the largest resident memory of the worker process that decodes, runs the networks, draws and
encodes. It is sampled 20 times a second (``psutil``), so the figure is a lower bound; what counts is that
both are measured in the same way. The last line, ``ratio``, is the peak of the long video divided by that of
the short one, the larger of both cases. 1.00 means constant memory; results themselves (boxes, masks, times)
are held until a video is done, a few MB for each animal and hour.

Detection runs at a low rate, once a second, to keep this short; every frame is decoded all the same.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import psutil

from wildact import defaults
from wildact.simulate import SimulationSettings, simulate_dataset

SEED = 7
SAMPLE_S = 0.05


def draw_clip(folder: Path) -> Path:
    """Two seconds with animals at 1920x1080, the same each time."""
    settings = SimulationSettings(
        videos=1, seed=SEED, seconds=2, width=1920, height=1080, sites=1, cameras_per_site=1,
        lights=("day",), blank_share=0, fps=Fraction(30),
    )  # fmt: skip
    simulate_dataset(folder, settings)
    (video,) = (path for path in folder.rglob("*") if path.suffix in (".mp4", ".avi"))
    return video


def repeat(source: Path, target: Path, seconds: float) -> Path:
    """Copy the packets of a video again and again, without decoding them, until it is so long."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        length, tick = stream.duration or 0, stream.time_base or Fraction(1)
        for turn in itertools.count():
            if turn * length * tick >= seconds:
                return target
            reader.seek(0)
            for packet in reader.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts += turn * length
                packet.dts += turn * length
                packet.stream = copy
                writer.mux(packet)
    raise AssertionError("the count above has no end")


def measure_peak_mb(video: Path, out: Path, arguments: list[str]) -> float:
    """Peak resident memory of the worker of ``wildact run``, in MB."""
    command = [sys.executable, "-m", "wildact", "run", str(video), "--out", str(out), *arguments]
    run = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while True:
        try:
            run.wait(timeout=SAMPLE_S)
            break
        except psutil.TimeoutExpired:
            peak = max([peak, *(resident_bytes(child) for child in run.children(recursive=True))])
    if run.returncode:
        raise SystemExit(f"wildact run ended with exit code {run.returncode}: {' '.join(command)}")
    return peak / 1e6


def resident_bytes(process: psutil.Process) -> int:
    """Resident memory; 0 of a process that has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", default=defaults.DETECTOR, help="name, weights file or run folder")
    parser.add_argument("--recognizer", default=defaults.RECOGNIZER, help="name, weights file or run folder")
    parser.add_argument("--fps", default="1", help="detections per second")
    parser.add_argument("--minutes", type=float, nargs=2, default=(1.0, 10.0), help="lengths to compare")
    parser.add_argument("--no-video", action="store_true", help="leave out the case with annotated video")
    options = parser.parse_args()
    arguments = ["--detector", options.detector, "--recognizer", options.recognizer, "--fps", options.fps]
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = draw_clip(folder / "clip")
        videos = [repeat(clip, folder / f"{m:g}min{clip.suffix}", 60 * m) for m in options.minutes]
        for case in ["--no-video"] if options.no_video else ["--no-video", "--video"]:
            peaks = [
                measure_peak_mb(video, folder / f"{video.stem}{case}", [*arguments, case]) for video in videos
            ]
            for minutes, peak in zip(options.minutes, peaks, strict=True):
                print(f"{case:<11}{minutes:>5g} min {peak:>7.0f} MB", flush=True)
            ratios.append(peaks[1] / peaks[0])
    print(f"ratio {max(ratios):.2f}")


if __name__ == "__main__":
    main()
