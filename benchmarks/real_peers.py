"""Two small public detectors trained on COCO, run by onnxruntime, to compare with on the same images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from torchvision.ops import nms

from wildact.boxes import clip_boxes
from wildact.types import Detections, Float32, Image

COCO_ANIMALS = slice(14, 24)
"""Bird to giraffe among the 80 classes of COCO, in their usual order."""

SIDE = 416
"""Pixels: both networks see squares."""

STRIDES = {"yolox": (8, 16, 32), "picodet": (8, 16, 32, 64)}
MAX_IOU = {"yolox": 0.45, "picodet": 0.5}  # each project's own, of its non-maximum suppression
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
PAD = 114  # YOLOX's grey beside pictures that are not square
MAX_ANIMALS = 100  # as COCO counts


def load_peer(path: Path, *, min_score: float, threads: int) -> Callable[[Image], Detections]:
    """Return a function that finds animals in a (H, W, 3) uint8 RGB image.

    Args:
        path: ``yolox_nano_416.onnx`` or ``picodet_s_416_coco.onnx``.
        min_score: lower detections are left out.
        threads: of onnxruntime.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3  # it warns of each constant of PicoDet
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kind = path.name.partition("_")[0]
    run = {"yolox": run_yolox, "picodet": run_picodet}[kind]

    def detect(image: Image) -> Detections:
        boxes, scores = run(session, image)
        chosen = np.flatnonzero(scores >= min_score)
        found = Detections(boxes[chosen], scores[chosen], np.zeros(len(chosen), np.int64))
        return suppress_overlaps(found, MAX_IOU[kind])

    return detect


def run_yolox(session: Any, image: Image) -> tuple[Float32, Float32]:
    """Return (N, 4) xyxy boxes in pixels of the image, and (N,) scores of the likeliest animal.

    Reference: Ge et al. 2021, YOLOX; its ``preproc`` and ``demo_postprocess``.
    """
    height, width = image.shape[:2]
    scale = min(SIDE / height, SIDE / width)
    small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_LINEAR)
    square = np.full((SIDE, SIDE, 3), PAD, np.uint8)
    square[: small.shape[0], : small.shape[1]] = small[..., ::-1]  # it learned from BGR
    (output,) = session.run(None, {"images": square.transpose(2, 0, 1)[None].astype(np.float32)})
    centers, strides = _grid(STRIDES["yolox"], 0.0)
    middle = (output[0, :, :2] + centers) * strides
    half = np.exp(output[0, :, 2:4]) * strides / 2
    scores = output[0, :, 4] * output[0, :, 5:][:, COCO_ANIMALS].max(axis=1)
    boxes = np.concatenate([middle - half, middle + half], axis=1) / scale
    return clip_boxes(boxes.astype(np.float32), width, height), scores.astype(np.float32)


def run_picodet(session: Any, image: Image) -> tuple[Float32, Float32]:
    """Return (N, 4) xyxy boxes in pixels of the image, and (N,) scores of the likeliest animal.

    Reference: Yu et al. 2021, PP-PicoDet; each side of a box is the mean of a distribution over 8 distances.
    """
    height, width = image.shape[:2]
    square = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    pixels = (square.astype(np.float32) / 255 - MEAN) / STD
    outputs = session.run(None, {"image": pixels.transpose(2, 0, 1)[None].astype(np.float32)})
    levels = len(STRIDES["picodet"])
    scores = np.concatenate([output[0] for output in outputs[:levels]])[:, COCO_ANIMALS].max(axis=1)
    logits = np.concatenate([output[0] for output in outputs[levels:]]).reshape(len(scores), 4, -1)
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    centers, strides = _grid(STRIDES["picodet"], 0.5)
    sides = shares @ np.arange(shares.shape[2], dtype=np.float32) * strides
    middle = centers * strides
    boxes = np.concatenate([middle - sides[:, :2], middle + sides[:, 2:]], axis=1)
    boxes *= np.array([width / SIDE, height / SIDE] * 2)
    return clip_boxes(boxes.astype(np.float32), width, height), scores.astype(np.float32)


def _grid(strides: tuple[int, ...], offset: float) -> tuple[Float32, Float32]:
    """Return (N, 2) x and y of all cells, in cells of their level, and (N, 1) pixels of each cell."""
    centers, sizes = [], []
    for stride in strides:
        cells = -(-SIDE // stride)
        y, x = np.mgrid[:cells, :cells].astype(np.float32) + offset
        centers.append(np.stack([x.ravel(), y.ravel()], axis=1))
        sizes.append(np.full((cells * cells, 1), stride, np.float32))
    return np.concatenate(centers), np.concatenate(sizes)


def suppress_overlaps(found: Detections, max_iou: float) -> Detections:
    """Return the detections by falling score that overlap no higher one by more, of whatever class."""
    kept = nms(torch.from_numpy(found.boxes), torch.from_numpy(found.scores), max_iou)
    return found.select(kept[:MAX_ANIMALS].numpy())
