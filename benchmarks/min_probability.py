"""Choose the probability below which an action network's bouts are unknown, on labelled videos.

The network sees the annotated tracks, as in an analysis; for each of its bouts the seconds count for which
the labels name the same action. The smallest probability is chosen at which 90 % of the named seconds are
right (``--precision``). ``--write`` puts it on the card. `wildact train` does so with its validation videos.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from wildact.clip import cut_clips, frames_needed
from wildact.datasets import load_dataset, select_split
from wildact.labels import LabelledVideo
from wildact.metrics import choose_min_probability
from wildact.metrics.recognition import NAMED_RIGHT
from wildact.pipeline import AnalysisSettings, plan_tracks
from wildact.recognize import Recognizer, load_recognizer, predict_actions, scores_to_bouts
from wildact.train.visits import read_frames
from wildact.types import Bout
from wildact.weights import find_weights, read_record, save_weights


def find_bouts(video: LabelledVideo, recognizer: Recognizer, settings: AnalysisSettings) -> Iterator[Bout]:
    """Yield the bouts of all annotated tracks of a video, however improbable they are."""
    times_s = video.times_s
    plans = plan_tracks(video.tracks, times_s, recognizer, hop_s=settings.hop_s)
    frames = read_frames(video, frames_needed(plans))
    clips = cut_clips(plans, (frames[index] for index in sorted(frames)), size=recognizer.size)
    spans = {track.track_id: track.span_s(times_s) for track in video.tracks}
    for scores in predict_actions(recognizer, clips, mirrored=settings.mirrored):
        yield from scores_to_bouts(scores, *spans[scores.track_id])


def compare(video: LabelledVideo, bout: Bout) -> tuple[float, float]:
    """Return the labelled seconds of a bout, and those of them in which the labels name its action."""
    labelled_s = right_s = 0.0
    for label in video.actions:
        start_s, end_s = (float(f / video.info.fps) for f in (label.start_frame, label.end_frame))
        shared = max(0.0, min(end_s, bout.end_s) - max(start_s, bout.start_s))
        if label.track_id == bout.track_id:
            labelled_s += shared
            right_s += shared if label.action == bout.action else 0.0
    return labelled_s, right_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="name, file or run folder")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val", help="where the data set names splits")
    parser.add_argument("--precision", type=float, default=NAMED_RIGHT, help="share that shall be right")
    parser.add_argument("--write", action="store_true", help="put the probability on the card")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recognizer = load_recognizer(options.weights)
    rows = [
        (bout.score, *compare(video, bout))
        for video in select_split(load_dataset(options.data), options.split).videos
        for bout in find_bouts(video, recognizer, AnalysisSettings())
    ]
    probability, seconds, right_s = np.array(rows, np.float64).reshape(-1, 3).T
    sure = choose_min_probability(probability, seconds, right_s, precision=options.precision)
    print(f"{len(rows)} bouts, {seconds.sum():.0f} labelled seconds; unknown below {sure:.3f}")
    for least in sorted({0.0, 0.5, 0.6, 0.7, 0.8, 0.9, sure}):
        named = probability >= least
        share = right_s[named].sum() / max(seconds[named].sum(), 1e-9)
        print(
            f"from {least:.3f}: {seconds[named].sum() / seconds.sum():6.1%} named, {share:6.1%} of them right"
        )
    if options.write:
        path, card = find_weights(options.weights, "recognizer")
        card = card.model_copy(update={"min_probability": sure})
        save_weights(path, load_file(path), card, record=read_record(path))


if __name__ == "__main__":
    main()
