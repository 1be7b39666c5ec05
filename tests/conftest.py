"""Small videos, and tiny networks with random weights, saved as a user's own would be."""

import importlib
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from wildact.decode import VideoWriter
from wildact.detect import build_detector
from wildact.pipeline import AnalysisSettings
from wildact.recognize import build_recognizer
from wildact.simulate import SimulationSettings, simulate_dataset
from wildact.species import build_namer
from wildact.weights import WeightCard, find_weights, save_weights

SPECIES = ("red deer", "wild boar", "red fox", "European hare")
KINDS = ("red deer", "roe deer", "wild boar", "red fox")
ACTIONS = ("walking", "running", "grazing", "vigilant", "resting", "grooming")


@pytest.fixture
def load_benchmark(monkeypatch):
    """``load_benchmark(name)`` gives a script of ``benchmarks/``, which finds what lies beside it."""
    folder = Path(__file__).parents[1] / "benchmarks"
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module
    for script in folder.glob("*.py"):
        sys.modules.pop(script.stem, None)


@pytest.fixture(scope="session")
def tiny_settings(tmp_path_factory):
    """Settings with a detector that sees animals everywhere, and a recognizer that names what they do."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    small = {"channels": 8, "short_side": 64, "long_side": 96, "max_detections": 3}
    detector = build_detector("maskrcnn_lite0_fpn", len(SPECIES), **small)
    with torch.no_grad():
        detector.roi_heads.box_predictor.cls_score.bias[1] = 6.0  # any box is a deer
    common = {"file": "x", "licence": "Apache-2.0", "trained_on": "nothing"}
    save_weights(
        folder / "detector.safetensors",
        detector.state_dict(),
        WeightCard(
            name="maskrcnn_lite0_fpn", kind="detector", classes=SPECIES, preprocessing={}, architecture=small,
            **common,
        ),
    )  # fmt: skip
    wants = {"num_frames": 8, "rate": 4, "size": 32, "context": 1.3, "mean": [0.5] * 3, "std": [0.25] * 3}
    recognizer = build_recognizer("r2plus1d_18", len(ACTIONS), widths=(4, 8, 8, 8))
    save_weights(
        folder / "recognizer.safetensors",
        recognizer.state_dict(),
        WeightCard(
            name="r2plus1d_18", kind="recognizer", classes=ACTIONS, preprocessing=wants,
            architecture={"widths": (4, 8, 8, 8)}, **common,
        ),
    )  # fmt: skip
    return AnalysisSettings(
        detector=str(folder / "detector.safetensors"),
        recognizer=str(folder / "recognizer.safetensors"),
        min_score=0.3,
    )


@pytest.fixture(scope="session")
def tiny_namer(tmp_path_factory):
    """Weights of a namer that knows four kinds."""
    torch.manual_seed(0)
    model = build_namer("lite0_namer", len(KINDS))
    path = tmp_path_factory.mktemp("namer") / "tiny.safetensors"
    card = WeightCard(
        name="lite0_namer",
        kind="namer",
        file="x",
        licence="Apache-2.0",
        classes=KINDS,
        preprocessing={
            "size": 32, "context": 1.2, "mean": [0.5] * 3, "std": [0.5] * 3, "fusion": "mean",
            "threshold": 0.7,
        },
        architecture={},
        trained_on="nothing",
    )  # fmt: skip
    save_weights(path, model.state_dict(), card)
    return path


@pytest.fixture(scope="session")
def tiny_video_detector(tiny_settings, tmp_path_factory):
    """Weights of the tiny detector, made one in which frames help each other."""
    path, card = find_weights(tiny_settings.detector, "detector")
    name = f"fgfa_{card.name}"
    torch.manual_seed(0)
    model = build_detector(name, len(card.classes), weights=str(path), **card.architecture)
    path = tmp_path_factory.mktemp("video") / "video.safetensors"
    save_weights(path, model.state_dict(), card.model_copy(update={"name": name}))
    return str(path)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """Folder of a data set of three simulated clips of a second."""
    settings = SimulationSettings(
        videos=3, seed=5, seconds=1, width=160, height=96, sites=1, cameras_per_site=1, blank_share=0,
        fps=Fraction(10),
    )  # fmt: skip
    return simulate_dataset(tmp_path_factory.mktemp("data") / "set", settings)


def write_video(path, *, seconds=1.5, fps=10, codec="h264", size=(96, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    rng = np.random.default_rng(len(path.name))
    ground = rng.integers(60, 160, (height, width, 3), np.uint8)
    with VideoWriter(path, width=width, height=height, fps=Fraction(fps), codec=codec) as writer:
        for k in range(round(seconds * fps)):
            image = ground.copy()
            image[height // 3 : height * 3 // 4, 5 + k : 5 + k + width // 2] = (120, 80, 50)
            writer.write(image)
    return path


@pytest.fixture(scope="session")
def film():
    """``film(path, seconds=1.5, fps=10, codec="h264", size=(96, 64))``: a block moves over a still ground."""
    return write_video
