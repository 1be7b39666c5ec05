"""Tiny detectors of random weights that find something on every frame, and frames to show them."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from wildact.detect import build_detector, wrap_model
from wildact.types import Frame
from wildact.weights import WeightCard

SMALL = {"channels": 8, "short_side": 64, "long_side": 96, "max_detections": 4}


def tiny_card(name, **architecture):
    return WeightCard(
        name=name,
        kind="detector",
        file="x.safetensors",
        licence="Apache-2.0",
        classes=("deer", "boar", "fox"),
        preprocessing={},
        architecture={**SMALL, **architecture},
        trained_on="nothing",
    )


def tiny_model(name, **architecture):
    torch.manual_seed(0)
    model = build_detector(name, 3, **SMALL, **architecture)
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.bias[1] = 3.0
    return model


@pytest.fixture(scope="session")
def single_detector():
    name = "maskrcnn_lite0_fpn"
    return wrap_model(tiny_model(name), tiny_card(name), min_score=0.01)


@pytest.fixture(scope="session")
def video_detector():
    name = "fgfa_maskrcnn_lite0_fpn"
    return wrap_model(tiny_model(name), tiny_card(name), min_score=0.01)


def make_frames(count, *, size=(64, 96), seed=0, start=0, still=False):
    """Frames of a block that moves, at a changing pace, over a textured ground that drifts a little."""
    rng = np.random.default_rng(seed)
    ground = (
        rng.integers(40, 200, (size[0] // 4 + 8, size[1] // 4 + 40, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    )
    frames = []
    for k in range(count):
        pan = 0 if still else k // 3
        image = ground[8 : 8 + size[0], pan : pan + size[1]].copy()
        if not still:
            x = 5 + (7 * k + k * k // 9) % (size[1] - 30)
            image[20:44, x : x + 22] = (200, 90 + k % 50, 40)
        frames.append(Frame(index=start + k, time=Fraction(k, 10), image=image))
    return frames


@pytest.fixture(scope="session")
def moving_frames():
    """``moving_frames(count, size=(64, 96), seed=0, start=0, still=False)``."""
    return make_frames
