"""What frames that help each other are worth: AP of FGFA beside that of a Mask R-CNN, on the same frames.

Both detectors go through labelled videos, FGFA once for each way of finding the flow (`fgfa.windows`). Two
frames per second are scored, as by ``wildact evaluate``, but detections down to a score of 0.05; intervals
are of the difference, over resamples of the videos. To compare fairly, train both from the same weights, on
the same data, for as many iterations.

Writes all differences to ``--out`` and, with ``--plot``, a picture of those of the default way.
"""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from fgfa import DEFAULT, windows
from matplotlib.figure import Figure

from wildact.cli.run import parse_fps
from wildact.datasets import Dataset, load_dataset
from wildact.datasets.dataset import relative_name
from wildact.detect import WindowSettings, load_detector
from wildact.evaluate import DatasetMatches, compare_matches
from wildact.evaluate.compare import Comparison
from wildact.evaluate.video import detect_scored_frames
from wildact.labels import LabelledVideo
from wildact.metrics import Matches, match_detections
from wildact.pipeline import AnalysisSettings
from wildact.record import save_json

SINGLE = "single frames"
KINDS = {"bbox": "box", "segm": "mask"}
SHOWN = ("box_ap50", "box_ap", "mask_ap50", "mask_ap")
SUBSETS = ("", "_by_speed/slow", "_by_speed/medium", "_by_speed/fast")
MIN_HEIGHT_PX = 24.0
MIN_SCORE = 0.05

Found = dict[str, dict[str, Matches]]
"""Of one video: way to kind of overlap to matches."""


def score_video(video: LabelledVideo, species: tuple[str, ...], options: argparse.Namespace) -> Found:
    """Both detectors on one video."""
    torch.set_num_threads(1)
    ways = {name: window for name, window in windows(options.radius).items() if name in options.ways}
    runs = [(SINGLE, options.single, WindowSettings())]
    runs += [(name, options.video, window) for name, window in ways.items()]
    found: Found = {}
    for name, weights, window in runs:
        detector = load_detector(str(weights), min_score=MIN_SCORE)
        frames = detect_scored_frames(
            video, detector, species, AnalysisSettings(window=window, fps=options.fps)
        )
        found[name] = {
            kind: match_detections(
                frames.truth, frames.found, species, iou_type=overlap, min_height_px=MIN_HEIGHT_PX,
                crowds=frames.crowds, speeds=frames.speeds,
            )
            for overlap, kind in KINDS.items()
        }  # fmt: skip
    return found


def collect(dataset: Dataset, videos: list[LabelledVideo], found: list[Found]) -> dict[str, DatasetMatches]:
    """Way to the matches of all videos."""
    names = tuple(relative_name(dataset, video) for video in videos)
    return {
        way: DatasetMatches(
            species=tuple(dataset.species),
            videos=names,
            lights=tuple(video.light for video in videos),
            boxes=tuple(one[way]["box"] for one in found),
            masks=tuple(one[way]["mask"] for one in found),
            min_height_px=MIN_HEIGHT_PX,
        )
        for way in found[0]
    }


def draw(groups: dict[str, dict[str, Comparison]]) -> Figure:
    """Differences in all lights and speeds, with intervals."""
    rows = [(group, "") for group in groups] + [("all", subset) for subset in SUBSETS[1:]]
    figure = Figure(figsize=(12, 0.42 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(1, len(SHOWN), sharey=True)
    for axes, name in zip(panels, SHOWN, strict=True):
        axes.axvline(0, color="0.6", linewidth=1)
        for place, (group, subset) in enumerate(rows):
            value, low, high = groups[group][name + subset].difference
            axes.plot([low, high], [place, place], color="tab:blue", linewidth=2)
            axes.plot(value, place, "o", color="tab:blue")
        axes.set_title(name.replace("_ap", " AP"), fontsize=10)
        axes.set_yticks(range(len(rows)), [subset.rpartition("/")[2] or group for group, subset in rows])
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.suptitle("FGFA minus single frames", fontsize=11)
    return figure


def show(way: str, groups: dict[str, dict[str, Comparison]]) -> None:
    for group, figures in groups.items():
        for name in SHOWN:
            for subset in SUBSETS if group == "all" else SUBSETS[:1]:
                one = figures[name + subset]
                value, low, high = one.difference
                print(
                    f"{way:<12} {group:<5} {name + subset:<26} {one.first:.3f} {one.second:.3f} "
                    f"{value:+.3f} ({low:+.3f} to {high:+.3f})"
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("single", type=Path, help="run folder of a Mask R-CNN")
    parser.add_argument("video", type=Path, help="run folder of an FGFA")
    parser.add_argument("--data", type=Path, default=Path("data/test"), help="labelled videos")
    parser.add_argument("--every", type=int, default=1, help="score every n-th video")
    parser.add_argument("--radius", type=int, default=WindowSettings().radius, help="K")
    parser.add_argument(
        "--fps", type=parse_fps, default="10", help="frames per second that FGFA sees, or 'all'"
    )
    parser.add_argument("--ways", nargs="+", choices=list(windows(1)), default=[DEFAULT])
    parser.add_argument("--workers", type=int, default=1, help="videos at a time")
    parser.add_argument("--out", type=Path, default=Path("fgfa_accuracy.json"))
    parser.add_argument("--plot", type=Path, help="a picture")
    options = parser.parse_args()
    dataset = load_dataset(options.data)
    videos, species = list(dataset.videos[:: options.every]), tuple(dataset.species)
    with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(partial(score_video, species=species, options=options), videos))
    matches = collect(dataset, videos, found)
    single = matches.pop(SINGLE)
    compared = {way: compare_matches(of, single) for way, of in matches.items()}
    print(f"{len(videos)} videos; FGFA, single frames, difference (95 % of resamples)")
    for way, groups in compared.items():
        show(way, groups)
    save_json(
        options.out,
        {
            way: {
                group: {name: one.difference for name, one in figures.items()} for group, figures in g.items()
            }
            for way, g in compared.items()
        },
    )
    if options.plot is not None:
        draw(compared[DEFAULT]).savefig(options.plot, dpi=110)


if __name__ == "__main__":
    main()
