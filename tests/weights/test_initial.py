import pytest
import torch

from wildact.detect import build_detector
from wildact.errors import UsageError, WeightsError
from wildact.recognize import build_recognizer
from wildact.weights import WeightCard, save_weights

SMALL = {"widths": [4, 8, 8, 8], "dropout": 0.1}


def save(path, actions, **changes):
    model = build_recognizer("r2plus1d_18", len(actions), **SMALL)
    card = WeightCard(
        name="r2plus1d_18", kind="recognizer", file="x", licence="CC0", classes=actions, preprocessing={},
        architecture=SMALL, trained_on="nothing", **changes,
    )  # fmt: skip
    save_weights(path, model.state_dict(), card)
    return model


def test_a_network_starts_from_a_checkpoint(tmp_path):
    saved = save(tmp_path / "own.safetensors", ("walks", "rests"))
    model = build_recognizer("r2plus1d_18", 2, weights=str(tmp_path / "own.safetensors"), **SMALL)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), saved.parameters(), strict=True))


def test_a_head_of_another_class_count_is_replaced_and_said_so(tmp_path, caplog):
    saved = save(tmp_path / "own.safetensors", ("walks", "rests"))
    model = build_recognizer("r2plus1d_18", 3, weights=str(tmp_path / "own.safetensors"), **SMALL)
    assert "keeps its untrained head: it has 3 classes" in caplog.text
    assert torch.equal(model.stem[0].weight, saved.stem[0].weight)


def test_a_file_of_another_library_needs_no_card(tmp_path):
    saved = build_recognizer("r2plus1d_18", 2, **SMALL)
    torch.save({"model_state": saved.state_dict(), "epoch": 3}, tmp_path / "theirs.pyth")
    model = build_recognizer("r2plus1d_18", 2, weights=str(tmp_path / "theirs.pyth"), **SMALL)
    assert torch.equal(model.stem[0].weight, saved.stem[0].weight)


def test_other_differences_list_the_tensors(tmp_path):
    save(tmp_path / "own.safetensors", ("walks", "rests"))
    with pytest.raises(WeightsError, match=r"of another shape: stem\.0\.weight"):
        build_recognizer(
            "r2plus1d_18", 2, weights=str(tmp_path / "own.safetensors"), widths=[8, 8, 8, 8], dropout=0.1
        )


def test_published_weights_are_of_one_kind_of_network():
    with pytest.raises(UsageError, match="'coco' weights are of a detector, and r3d_18 is a recognizer"):
        build_recognizer("r3d_18", 2, weights="coco")


@pytest.mark.parametrize("name", ["maskrcnn_lite0_fpn", "fgfa_maskrcnn_lite0_fpn"])
def test_bundled_weights_are_not_taken_for_published_ones(name):
    with pytest.raises(
        UsageError, match=r"no 'coco' weights of \w*maskrcnn_lite0_fpn, only of maskrcnn_resnet50"
    ):
        build_detector(name, 2, weights="coco")


def test_networks_of_which_nothing_is_published():
    with pytest.raises(UsageError, match=r"no 'kinetics400' weights of slowfast_r50, only of r3d_18, mc3_18"):
        build_recognizer("slowfast_r50", 2, weights="kinetics400")


def test_published_weights_are_asked_for_by_the_data_they_were_trained_on(tmp_path, monkeypatch):
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="wildact models download maskrcnn_resnet50_fpn"):
        build_detector("maskrcnn_resnet50_fpn", 2, weights="coco")
