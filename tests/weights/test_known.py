import pytest
import torch
from torchvision.models import get_model

from wildact.detect import build_detector
from wildact.detect.fgfa.flow import FLOWS
from wildact.recognize import build_recognizer
from wildact.recognize.predict import Recognizer
from wildact.weights import DOWNLOADABLE, WeightCard


@pytest.mark.parametrize("card", DOWNLOADABLE.values(), ids=list(DOWNLOADABLE))
def test_published_weights_fit_the_network_of_their_name(card: WeightCard) -> None:
    build = {
        "detector": build_detector,
        "recognizer": build_recognizer,
        "flow": lambda name, _: FLOWS[name](1.0).network,
    }[card.kind]
    with torch.device("meta"):  # shapes only
        ours = build(card.name, len(card.classes), **card.architecture)
        background = {"weights_backbone": None, "num_classes": 91} if card.kind == "detector" else {}
        published = get_model(card.name, weights=None, **background)
    ours_shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    # frozen batch norm, as in torchvision's pretrained networks, counts no batches
    theirs = {
        n: t.shape for n, t in published.state_dict().items() if "num_batches" not in n or n in ours_shapes
    }
    assert ours_shapes == theirs
    if card.kind == "recognizer":
        with torch.device("meta"):
            recognizer = Recognizer.from_model(ours, card, device="meta")
        assert (recognizer.num_frames, recognizer.rate, recognizer.size) == (16, 15, 112)
