"""Weights that torchvision publishes and wildact can use: detectors, recognizers, and flow for FGFA."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from torchvision.models import WeightsEnum
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights, MaskRCNN_ResNet50_FPN_Weights
from torchvision.models.optical_flow import Raft_Small_Weights
from torchvision.models.video import MC3_18_Weights, R2Plus1D_18_Weights, R3D_18_Weights

from wildact.weights.card import WeightCard

# A person is reported too: whoever sets up or passes a camera trap must be told from the animals.
COCO_KEPT = (
    *("person", "bird", "cat", "dog", "horse", "sheep"),
    *("cow", "elephant", "bear", "zebra", "giraffe"),
)

_TERMS = "torchvision publishes them without terms of their own; those of the training data may apply."


def _torchvision_card(name: str, weights: WeightsEnum, **own: Any) -> WeightCard:
    """The card of weights of torchvision, as far as torchvision's own record of them goes."""
    meta = weights.meta
    file = PurePosixPath(urlsplit(weights.url).path).name
    return WeightCard(
        name=name,
        file=file,
        licence="BSD-3-Clause (torchvision)",
        recipe=meta["recipe"],
        scores={
            f"{data}/{metric}": v for data, all_ in meta["_metrics"].items() for metric, v in all_.items()
        },
        source=f"torchvision, {type(weights).__name__}.{weights.name}",
        url=weights.url,
        sha256=file.removesuffix(".pth").rsplit("-", 1)[1],  # torchvision names files by their checksum
        size_bytes=round(meta["_file_size"] * 2**20),
        **own,
    )


def _coco_card(name: str, weights: WeightsEnum) -> WeightCard:
    categories = weights.meta["categories"]
    return _torchvision_card(
        name,
        weights,
        kind="detector",
        classes=categories[1:],  # without the background; "N/A" holds the places that COCO left empty
        keep_classes=COCO_KEPT,
        # the defaults of GeneralizedRCNNTransform, which scales and normalizes inside the network
        preprocessing={
            "min_size": 800,
            "max_size": 1333,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        },
        architecture={},
        trained_on="COCO train2017",
        notes=_TERMS,
    )


def _kinetics_card(name: str, weights: WeightsEnum) -> WeightCard:
    transform = weights.transforms()
    return _torchvision_card(
        name,
        weights,
        kind="recognizer",
        classes=weights.meta["categories"],
        # frames and rate are those under which torchvision states the scores, on whole pictures; the context
        # (side of the crop over that of the animal) is ours: wide, since these networks know scenes
        preprocessing={
            "num_frames": 16,
            "rate": 15,
            "size": transform.crop_size[0],
            "context": 1.5,
            "mean": transform.mean,
            "std": transform.std,
        },
        architecture={},
        trained_on="Kinetics-400",
        notes=_TERMS,
    )


def _flow_card(name: str, weights: WeightsEnum) -> WeightCard:
    return _torchvision_card(
        name,
        weights,
        kind="flow",
        classes=(),
        preprocessing={"mean": [0.5] * 3, "std": [0.5] * 3},
        architecture={},
        trained_on="FlyingChairs and FlyingThings3D",
        notes="A part of the detectors fgfa_*. " + _TERMS,
    )


DOWNLOADABLE: dict[str, WeightCard] = {
    card.name: card
    for card in (
        _coco_card("maskrcnn_resnet50_fpn", MaskRCNN_ResNet50_FPN_Weights.COCO_V1),
        _coco_card("maskrcnn_resnet50_fpn_v2", MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1),
        _kinetics_card("r3d_18", R3D_18_Weights.KINETICS400_V1),
        _kinetics_card("mc3_18", MC3_18_Weights.KINETICS400_V1),
        _kinetics_card("r2plus1d_18", R2Plus1D_18_Weights.KINETICS400_V1),
        _flow_card("raft_small", Raft_Small_Weights.C_T_V2),
    )
}
"""Name to card of everything :func:`wildact.weights.download_weights` can fetch."""
