"""Run the bundled detector of an earlier commit on images; `real.py` calls this with that commit's code.

It writes a JSON list with an entry for each image: ``boxes`` (xyxy pixels), ``scores``, ``labels`` (names),
``masks`` (COCO's run lengths) and ``cpu_s``, seconds of processor time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import torch

from wildact.defaults import DETECTOR
from wildact.detect import load_detector, predict_detections


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="JSON list of image files")
    parser.add_argument("out", type=Path, help="JSON file to write")
    parser.add_argument("--min-score", type=float, default=0.01)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    detector = load_detector(DETECTOR, min_score=options.min_score)
    entries = []
    for path in json.loads(options.images.read_text(encoding="utf-8")):
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        if not entries:
            predict_detections(detector, [image])  # the first call also prepares
        start = time.process_time()
        (found,) = predict_detections(detector, [image])
        cpu_s = time.process_time() - start
        masks = [
            {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
            for mask in found.masks or ()
        ]
        entries.append(
            {
                "boxes": found.boxes.tolist(),
                "scores": found.scores.tolist(),
                "labels": [detector.classes[label] for label in found.labels],
                "masks": masks,
                "cpu_s": cpu_s,
            }
        )
    options.out.write_text(json.dumps(entries), encoding="utf-8")


if __name__ == "__main__":
    main()
