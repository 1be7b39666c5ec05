import pytest
import torch

from wildact.species import build_namer
from wildact.weights import WeightCard, save_weights

CLASSES = ("red deer", "roe deer", "wild boar", "red fox")


@pytest.fixture(scope="session")
def tiny_namer(tmp_path_factory):
    """A weights file that calls light animals red deer and dark ones wild boar."""
    torch.manual_seed(0)
    model = build_namer("lite0_namer", len(CLASSES))
    path = tmp_path_factory.mktemp("namer") / "tiny.safetensors"
    card = WeightCard(
        name="lite0_namer",
        kind="namer",
        file="x",
        licence="Apache-2.0",
        classes=CLASSES,
        preprocessing={
            "size": 32, "context": 1.2, "mean": [0.5] * 3, "std": [0.5] * 3, "fusion": "mean",
            "threshold": 0.7,
        },
        architecture={},
        trained_on="nothing",
    )  # fmt: skip
    save_weights(path, model.state_dict(), card)
    return path
