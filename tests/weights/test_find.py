from pathlib import Path

import pytest
import torch

from wildact.errors import UsageError, WeightsError
from wildact.weights import DOWNLOADABLE, WeightCard, find_weights, list_weights, save_weights
from wildact.weights import find as find_module


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty places to look in, so that a developer's own cache plays no part."""
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(find_module, "BUNDLED_FOLDER", tmp_path / "bundled")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, kind: str = "detector") -> WeightCard:
    card = WeightCard.model_validate(
        {
            "name": path.stem,
            "kind": kind,
            "file": path.name,
            "licence": "Apache-2.0",
            "classes": ("deer",),
            "preprocessing": {},
            "architecture": {},
            "trained_on": "drawings",
        }
    )
    return save_weights(path, {"a": torch.ones(1)}, card)


def test_bundled_comes_before_cached(folders: Path) -> None:
    write(folders / "bundled" / "small.safetensors")
    write(folders / "cache" / "small.safetensors")
    assert find_weights("small", "detector")[0] == folders / "bundled" / "small.safetensors"
    assert next((w.name, w.state) for w in list_weights()) == ("small", "bundled")
    assert [w.name for w in list_weights()].count("small") == 1


def test_torchvisions_cache_is_used(folders: Path) -> None:
    file = folders / "torch" / "hub" / "checkpoints" / DOWNLOADABLE["mc3_18"].file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    path, card = find_weights("mc3_18", "recognizer")
    assert path == file
    assert card == DOWNLOADABLE["mc3_18"]
    assert {w.name: w.state for w in list_weights()} == {
        "mc3_18": "cached",
        "maskrcnn_resnet50_fpn": "downloadable",
        "maskrcnn_resnet50_fpn_v2": "downloadable",
        "r3d_18": "downloadable",
        "r2plus1d_18": "downloadable",
        "raft_small": "downloadable",
    }


def test_known_but_absent_says_how_to_get_it() -> None:
    with pytest.raises(WeightsError, match=r"run `wildact models download r3d_18` \(134 MB\)"):
        find_weights("r3d_18", "recognizer")


def test_unknown_name_lists_those_of_the_kind() -> None:
    with pytest.raises(
        UsageError, match=r"known detectors: maskrcnn_resnet50_fpn, maskrcnn_resnet50_fpn_v2$"
    ):
        find_weights("yolo", "detector")


def test_files_and_run_folders(folders: Path) -> None:
    card = write(folders / "run" / "best.safetensors")
    write(folders / "r3d_18" / "best.safetensors", "recognizer")
    assert find_weights("run", "detector") == (Path("run/best.safetensors"), card)
    assert find_weights(str(folders / "run" / "best.safetensors"), "detector")[1] == card
    assert find_weights("./r3d_18", "recognizer")[0] == Path("r3d_18/best.safetensors")
    (folders / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"holds no best\.safetensors"):
        find_weights("empty", "detector")
    with pytest.raises(UsageError, match="no such weights file"):
        find_weights("gone.safetensors", "detector")


def test_other_kind_is_refused(folders: Path) -> None:
    write(folders / "bundled" / "small.safetensors")
    with pytest.raises(UsageError, match="small is a detector, where a recognizer is wanted"):
        find_weights("small", "recognizer")


def test_cards_of_torchvision() -> None:
    coco = DOWNLOADABLE["maskrcnn_resnet50_fpn"]
    assert len(coco.classes) == 90
    assert coco.classes[0] == "person"
    assert coco.classes[24 - 1] == "zebra"  # COCO's category id of zebra is 24
    assert coco.keep_classes is not None
    assert len(coco.keep_classes) == 11
    assert coco.sha256 == "bf2d0c1e"
    kinetics = DOWNLOADABLE["r3d_18"]
    assert len(kinetics.classes) == 400
    assert kinetics.preprocessing["size"] == 112
    assert kinetics.scores["Kinetics-400/acc@1"] == 63.2


def test_of_either_kind_the_card_says_which(folders: Path) -> None:
    write(folders / "bundled" / "finds.safetensors")
    write(folders / "bundled" / "names.safetensors", kind="recognizer")
    assert find_weights("finds", None)[1].kind == "detector"
    assert find_weights("names", None)[1].kind == "recognizer"
    with pytest.raises(UsageError, match=r"known weights: finds, .*names"):
        find_weights("nosuch", None)
