"""The detectors that `real.py` compares, each reduced to animals of one class."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import torch
from real_peers import load_peer, suppress_overlaps

from wildact import defaults
from wildact.detect import load_detector
from wildact.masks import from_coco
from wildact.types import Detections, Float64, Image

FLOOR = 0.01
"""Detections down to this confidence count for average precision."""

PREVIOUS_COMMIT = "ca3d0e3"
PREVIOUS_MIN_SCORE = 0.85  # its default
PEER_MIN_SCORE = 0.5
PEERS = ("yolox_nano_416", "picodet_s_416_coco")
OTHERS = ("person", "vehicle")
"""Classes that are no animals."""

MAX_IOU = 0.5
"""One animal that has two names has boxes that overlap by more."""

ROOT = Path(__file__).resolve().parents[1]

Found = tuple[list[Detections], Float64]
"""Animals in each image, and (N,) seconds of processor time for each."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detector to measure.

    Attributes:
        name: in the table.
        min_score: its default confidence.
        detect: from image files to what it finds in them.
    """

    name: str
    min_score: float
    detect: Callable[[Sequence[Path]], Found]


def make_bundled(name: str, threads: int) -> Candidate:
    """Return a detector of wildact: a name, a weights file or a run folder."""
    call, min_score = load_wildact(name)
    return Candidate(name, min_score, lambda paths: detect_images(call, paths, threads))


def load_wildact(name: str) -> tuple[Callable[[Image], Detections], float]:
    """Return a function from an image to the animals in it, and the default confidence."""
    detector = load_detector(name, min_score=FLOOR)

    def detect(image: Image) -> Detections:
        found = detector(image)
        return to_animals(found, [detector.classes[label] for label in found.labels])

    return detect, detector.card.min_score or defaults.MIN_SCORE


def make_peer(folder: Path, name: str, threads: int) -> Candidate:
    """Return one of `PEERS`."""
    detect = load_peer(folder / f"{name}.onnx", min_score=FLOOR, threads=threads)
    return Candidate(name, PEER_MIN_SCORE, lambda paths: detect_images(detect, paths, threads))


def make_previous(threads: int) -> Candidate | None:
    """Return the bundled detector of `PREVIOUS_COMMIT`; None where the git history does not hold it."""
    command = ["git", "-C", str(ROOT), "archive", PREVIOUS_COMMIT, "src"]
    try:
        archive = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return Candidate("previous", PREVIOUS_MIN_SCORE, lambda paths: _run_previous(archive, paths, threads))


def _run_previous(archive: bytes, paths: Sequence[Path], threads: int) -> Found:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(fileobj=BytesIO(archive)) as code:
            code.extractall(folder, filter="data")
        images, out = folder / "images.json", folder / "found.json"
        images.write_text(json.dumps([str(path.resolve()) for path in paths]), encoding="utf-8")
        script = Path(__file__).with_name("real_previous.py")
        subprocess.run(
            [
                sys.executable, str(script), str(images), str(out),
                "--min-score", str(FLOOR), "--threads", str(threads),
            ],
            env=os.environ | {"PYTHONPATH": str(folder / "src")},
            check=True,
        )  # fmt: skip
        entries = json.loads(out.read_text(encoding="utf-8"))
    found = [
        to_animals(
            Detections(
                boxes=np.array(entry["boxes"], np.float32).reshape(-1, 4),
                scores=np.array(entry["scores"], np.float32),
                labels=np.zeros(len(entry["boxes"]), np.int64),
                masks=tuple(from_coco(mask) for mask in entry["masks"]),
            ),
            entry["labels"],
        )
        for entry in entries
    ]
    return found, np.array([entry["cpu_s"] for entry in entries])


def to_animals(found: Detections, names: Sequence[str]) -> Detections:
    """Return the animals among what was found, with label 0, once each.

    Args:
        found: (N,) detections.
        names: of the class of each.
    """
    animals = found.select(np.array([name not in OTHERS for name in names], bool))
    one = Detections(animals.boxes, animals.scores, np.zeros(len(animals), np.int64), animals.masks)
    return suppress_overlaps(one, MAX_IOU)


def detect_images(detect: Callable[[Image], Detections], paths: Sequence[Path], threads: int) -> Found:
    """Run a detector on image files; reading them takes no part in its time."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    found, cpu_s = [], []
    for path in paths:
        image = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
        if not found:
            detect(image)  # the first call also prepares
        start = time.process_time()
        found.append(detect(image))
        cpu_s.append(time.process_time() - start)
    return found, np.array(cpu_s)
