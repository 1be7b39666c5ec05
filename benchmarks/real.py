"""How well detectors find real animals: wildact's, that of an earlier release, and two small public ones.

Photographs and camera-trap frames that none of wildact's detectors was trained on. All animals are one class
here; people, vehicles and things do not count, but a detection of an animal there is false.

- Box AP50 and AP as COCO defines them, of detections down to a confidence of 0.01; recall and false boxes
  per image at IoU 0.5, at the detector's default confidence. "Recall at 5 % empty" is recall at the
  confidence at which 5 % of the empty camera-trap frames (missouri_ct val) have a detection.
- "Empty" is the share of images without an animal that have a detection at the default confidence.
- Mask AP50 is of images with masks; "alone" leaves out animals that overlap another of their class, whose
  masks in the labels are less exact.
- Ignored, neither wanted nor wrong to find: animals labelled ``difficult`` or ``iscrowd``, and what else is
  on a frame with ``complete: false``.
- Intervals hold 95 % of resamples of bursts (missouri_ct) or images.
- CPU: seconds of processor time for an image in memory, on ``--threads`` threads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np
from real_detectors import PEERS, PREVIOUS_COMMIT, Candidate, Found, make_bundled, make_peer, make_previous
from real_figures import (
    Figure,
    choose_f1_step,
    choose_quiet_step,
    compute_figures,
    compute_group_ap50,
    find_quiet_score,
)
from real_sets import RealSet, group_images, load_real_set

from wildact import defaults
from wildact.types import Detections

SETS = {
    "missouri_ct": "val",
    "voc12_animals": "val",
    "voc07test_animals": "test",
    "voc07test_no_animal": "test",
    "ir_deer": "test",
}
"""Folder to the split that is not trained on."""

QUIET_SET, F1_SET = "missouri_ct", "voc12_animals"
EMPTY_SHARE = 0.05
COLUMNS = {
    "box_ap50": "box AP50",
    "box_ap": "box AP",
    "recall": "recall",
    "quiet_recall": "recall at 5 % empty",
    "false_boxes": "false boxes per image",
    "empty_fired": "empty",
    "mask_ap50": "mask AP50",
    "clean_mask_ap50": "alone",
    "cpu_s": "CPU s",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A detector on a set.

    Attributes:
        detector: its name.
        real: the set.
        found: in it.
        figures: of it.
    """

    detector: str
    real: RealSet
    found: Found
    figures: dict[str, Figure]


def measure(candidate: Candidate, sets: dict[str, RealSet], resamples: int) -> tuple[list[Row], float]:
    """Return a detector's rows, and the confidence at which 5 % of the empty frames fire; nan if unknown."""
    paths = [path for real in sets.values() for path in real.paths]
    detections, cpu_s = candidate.detect(paths)
    found: dict[str, Found] = {}
    first = 0
    for name, real in sets.items():
        some = slice(first, first + len(real.paths))
        found[name], first = (detections[some], cpu_s[some]), some.stop
    quiet = (
        find_quiet_score(sets[QUIET_SET], found[QUIET_SET][0], EMPTY_SHARE)
        if QUIET_SET in sets
        else float("nan")
    )
    rows = [
        Row(
            candidate.name, real, found[name],
            compute_figures(
                real, *found[name], min_score=candidate.min_score, quiet_score=quiet, resamples=resamples
            ),
        )
        for name, real in sets.items()
    ]  # fmt: skip
    return rows, quiet


def make_table(rows: Sequence[Row]) -> str:
    """Return all rows, by set, as a Markdown table."""
    lines = ["| set | detector | " + " | ".join(COLUMNS.values()) + " |", "|---|---|" + "---|" * len(COLUMNS)]
    for name in dict.fromkeys(row.real.name for row in rows):
        for row in rows:
            if row.real.name == name:
                cells = (show(row.figures.get(column)) for column in COLUMNS)
                lines.append(f"| {name} | {row.detector} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def make_burst_table(rows: Sequence[Row]) -> str:
    """Return box AP50 of each camera-trap burst with animals as a Markdown table."""
    rows = [row for row in rows if row.real.name.startswith(QUIET_SET)]
    if not rows:
        return ""
    real = rows[0].real
    of_detectors = {row.detector: compute_group_ap50(real, row.found[0]) for row in rows}
    lines = [
        "| burst | species | light | frames | " + " | ".join(of_detectors) + " |",
        "|---|---|---|---|" + "---|" * len(of_detectors),
    ]
    for burst, images in group_images(real.groups).items():
        facts = real.facts[images[0]]
        cells = " | ".join(_round(ap50[burst]) for ap50 in of_detectors.values())
        lines.append(f"| {burst} | {facts['species']} | {facts['light']} | {len(images)} | {cells} |")
    return "\n".join(lines)


def show(figure: Figure | None) -> str:
    """Return a value with its interval, as in a table."""
    if figure is None or isnan(figure.value):
        return "–"
    interval = "" if isnan(figure.low) else f" ({_round(figure.low)}–{_round(figure.high)})"
    return _round(figure.value) + interval


def _round(value: float) -> str:
    return "–" if isnan(value) else f"{value:.2f}"


def choose_confidence(candidate: Candidate, sets: dict[str, RealSet]) -> str:
    """Return sentences about which default confidence validation images suggest."""
    quiet, f1 = ((sets[name], candidate.detect(sets[name].paths)[0]) for name in (QUIET_SET, F1_SET))
    step, fired, recall = choose_quiet_step(*quiet, EMPTY_SHARE)
    best, value = choose_f1_step(*f1)
    others = _rates(*f1, step)
    return (
        f"{candidate.name}: at a confidence of {step:.2f}, {fired:.3f} of the {int(quiet[0].empty.sum())} "
        f"empty frames of {quiet[0].name} fire and recall is {recall:.3f}; on {f1[0].name} recall is then "
        f"{others[0]:.3f} with {others[1]:.3f} false boxes per image, and F1 is highest ({value:.3f}) at a "
        f"confidence of {best:.2f}."
    )


def _rates(real: RealSet, found: Sequence[Detections], score: float) -> tuple[float, float]:
    figures = compute_figures(real, found, np.zeros(1), min_score=score, quiet_score=score, resamples=0)
    return figures["recall"].value, figures["false_boxes"].value


def save_rows(path: Path, rows: Sequence[Row], scores: dict[str, dict[str, float]]) -> None:
    """Write all figures, and the confidences of the detectors, as JSON."""
    figures = [
        {
            "set": row.real.name,
            "detector": row.detector,
            "images": len(row.real.paths),
            "groups": len(set(row.real.groups)),
            "figures": {
                name: [None if isnan(x) else x for x in figure] for name, figure in row.figures.items()
            },
        }
        for row in rows
    ]
    path.write_text(json.dumps({"confidence": scores, "rows": figures}, indent=1), encoding="utf-8")


def make_candidates(options: argparse.Namespace) -> list[Candidate]:
    """Return the detectors to measure."""
    candidates = [make_bundled(name, options.threads) for name in options.detector]
    if not options.no_previous:
        previous = make_previous(options.threads)
        if previous is None:
            print(f"The previous detector is left out: the git history has no commit {PREVIOUS_COMMIT}.")
        else:
            candidates.append(previous)
    if not options.no_peers:
        candidates += [make_peer(options.data / "peers", name, options.threads) for name in PEERS]
    return candidates


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/real"), help="folder of the sets")
    parser.add_argument(
        "--detector", nargs="+", default=[defaults.DETECTOR], help="names, files or run folders"
    )
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--every", type=int, default=1, help="only each n-th image")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--no-previous", action="store_true", help="without the previous detector")
    parser.add_argument("--no-peers", action="store_true", help="without the public detectors")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument(
        "--choose-confidence",
        action="store_true",
        help="only find a default confidence, on validation images",
    )
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"there is no folder {options.data}: give that of the real sets with --data.")
    names = [QUIET_SET, F1_SET] if options.choose_confidence else options.sets
    sets = {name: load_real_set(options.data / name, SETS[name], every=options.every) for name in names}
    if options.choose_confidence:
        for name in options.detector:
            print(choose_confidence(make_bundled(name, options.threads), sets))
        return
    for real in sets.values():
        animals = sum(int((~crowds).sum()) for crowds in real.boxes.crowds)
        print(
            f"{real.name}: {len(real.paths)} images, {len(set(real.groups))} groups, {animals} animals, "
            f"{int(real.empty.sum())} images without any"
        )
    rows: list[Row] = []
    scores: dict[str, dict[str, float]] = {}
    for candidate in make_candidates(options):
        some, quiet = measure(candidate, sets, options.resamples)
        rows += some
        scores[candidate.name] = {"default": candidate.min_score, "at 5 % empty": quiet}
        print(f"{candidate.name}: default confidence {candidate.min_score:.2f}, at 5 % empty {quiet:.3f}")
    print("\n" + make_table(rows) + "\n\n" + make_burst_table(rows))
    if options.json is not None:
        save_rows(options.json, rows, scores)


if __name__ == "__main__":
    main()
