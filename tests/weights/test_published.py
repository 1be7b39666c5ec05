"""torchvision's own weights files, under their real names in the cache: what a download leaves there."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import get_model

from wildact.detect import build_detector, load_detector
from wildact.errors import WeightsError
from wildact.recipes import load_recipe
from wildact.recognize import build_recognizer, load_recognizer
from wildact.train.initial import describe_initial
from wildact.weights import DOWNLOADABLE, compute_sha256

FROZEN_NORM = ("maskrcnn_resnet50_fpn",)
"""Networks that torchvision publishes with frozen batch norm, which counts no batches."""


def make_state(name: str) -> dict[str, Tensor]:
    """Names and shapes as torchvision publishes them; another random value fills each tensor."""
    card = DOWNLOADABLE[name]
    options = {"weights_backbone": None, "num_classes": 91} if card.kind == "detector" else {}
    with torch.device("meta"):
        network = get_model(name, weights=None, **options)
    return {
        key: torch.rand(()).to(tensor.dtype).expand(tensor.shape)  # one value takes no room on the disk
        for key, tensor in network.state_dict().items()
        if not (name in FROZEN_NORM and key.endswith("num_batches_tracked"))
    }


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, so that a developer's own plays no part."""
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def put(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Save such a file in the cache, as the one of which the card has the checksum."""
    state = make_state(name)
    card = DOWNLOADABLE[name]
    torch.save(state, cache / card.file)
    digest = compute_sha256(cache / card.file)[: len(card.sha256)]
    monkeypatch.setitem(DOWNLOADABLE, name, card.model_copy(update={"sha256": digest}))
    return state


@pytest.mark.parametrize("name", [card.name for card in DOWNLOADABLE.values() if card.kind != "flow"])
def test_a_published_file_is_a_start_and_a_network(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = put(name, cache, monkeypatch)
    if DOWNLOADABLE[name].kind == "detector":
        started = build_detector(name, 4, weights="coco").state_dict()
        whole = load_detector(name).model.state_dict()
        heads = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")
    else:
        started = build_recognizer(name, 6, weights="kinetics400").state_dict()
        whole = load_recognizer(name).model.state_dict()
        heads = ("fc.",)
    assert whole.keys() == started.keys() == state.keys()
    for key, tensor in state.items():
        assert torch.equal(whole[key], tensor), key
        assert torch.equal(started[key], tensor) != key.startswith(heads), key


def test_the_record_of_an_fgfa_names_the_files_of_its_mask_rcnn_and_its_flow(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("maskrcnn_resnet50_fpn", cache, monkeypatch)
    (cache / DOWNLOADABLE["raft_small"].file).write_bytes(b"flow")
    files = {name: DOWNLOADABLE[name].file for name in ("maskrcnn_resnet50_fpn", "raft_small")}
    sums = {name: compute_sha256(cache / file) for name, file in files.items()}
    recipe = load_recipe("fgfa_schindler2021", ["model.initial=coco"])
    described = describe_initial(recipe, build_detector(recipe.model.name, 4, **recipe.model.architecture))
    assert described == {
        "weights": "coco", "file": files["maskrcnn_resnet50_fpn"], "sha256": sums["maskrcnn_resnet50_fpn"],
        "flow_file": files["raft_small"], "flow_sha256": sums["raft_small"],
    }  # fmt: skip


def test_a_file_that_is_not_the_published_one_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(make_state("mc3_18"), cache / DOWNLOADABLE["mc3_18"].file)
    with pytest.raises(WeightsError, match="damaged or was changed"):
        build_recognizer("mc3_18", 6, weights="kinetics400")
