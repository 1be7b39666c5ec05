"""What fine masks are taught: boxes as the network places them, masks around them, and only they learn."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from tests.detect.conftest import tiny_card, tiny_model
from wildact.detect import build_detector, load_detector
from wildact.detect.fine_masks import CELLS, MARGIN, PIXELS
from wildact.errors import DatasetError, RecipeError, UsageError
from wildact.recipes import load_recipe
from wildact.recipes.schema import FineMasks
from wildact.train import fine_masks, train_recipe
from wildact.train.fine_masks import MIN_IOU, choose_boxes, compute_overlap_loss, cut_masks, see_boxes
from wildact.train.initial import build_model
from wildact.weights import save_weights

SETTINGS = FineMasks(boxes_per_animal=2, box_noise=0.05, boxes_per_visit=3)
SIZE = (64, 96)
NAME = "maskrcnn_lite0_fpn"
RECIPE = "maskrcnn_lite0_fpn_fine_masks"


def make_finder():
    """One that proposes all its anchors, and leaves them where they are."""
    model = tiny_model(NAME, fine_masks=True).eval()
    model.rpn._post_nms_top_n["testing"] = 2000
    for layer in (model.roi_heads.box_predictor.bbox_pred, model.rpn.head.bbox_pred):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return model


def disc():
    """A bright disc on dark ground, as an image and torchvision's target."""
    rows, columns = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="ij")
    mask = (rows - 32) ** 2 + (columns - 48) ** 2 < 20**2
    target = {
        "boxes": torch.tensor([[29.0, 13, 68, 52]]),
        "labels": torch.ones(1, dtype=torch.int64),
        "masks": mask[None].to(torch.uint8),
    }
    return torch.where(mask, 0.9, 0.1).expand(3, *SIZE).contiguous(), target


def test_a_box_is_seen_as_it_will_be_in_an_analysis():
    image, target = disc()
    with torch.inference_mode():
        boxes = see_boxes(make_finder(), image, target, SETTINGS, np.random.default_rng(0))
    assert 0 < len(boxes) <= 2
    for box in boxes:
        assert box.pixels.shape == (PIXELS, PIXELS, 3)
        assert box.seen.shape == (8, 14, 14)
        assert box.guess.shape == (1, 28, 28)
        bright = torch.from_numpy(box.pixels[..., 0] > 127)[::2, ::2]
        inside = box.wanted[0].bool()
        # what lies beyond the image is neither
        assert (bright == inside).float().mean() > 0.95


def test_a_video_is_decoded_once_and_each_visit_draws_other_looks(tiny_dataset, monkeypatch):
    recipe = load_recipe(RECIPE)
    reads = count()
    read_images = fine_masks.read_images
    monkeypatch.setattr(fine_masks, "read_images", lambda *a: (next(reads), read_images(*a))[1])
    species = tuple(tiny_dataset.species)
    drawer = fine_masks.BoxDrawer(make_finder(), species, recipe.data, SETTINGS, 0)
    video = next(v for v in tiny_dataset.videos if v.tracks)
    first, second = (drawer(video, np.random.default_rng(k)) for k in (0, 1))
    assert next(reads) == 1
    assert len(first) == len(second) == 3
    shapes = [tuple(part.shape) for part in first[0]]
    assert shapes == [(3, PIXELS, PIXELS), (8, 14, 14), (1, 28, 28), (1, CELLS, CELLS)]
    assert not torch.equal(first[0][0], second[0][0])
    again = fine_masks.BoxDrawer(make_finder(), species, recipe.data, SETTINGS, 0)
    again(video, np.random.default_rng(5))  # visited before: the same boxes are known
    for one, other in zip(first, again(video, np.random.default_rng(0)), strict=True):
        for part, expected in zip(one, other, strict=True):
            torch.testing.assert_close(part, expected)


def test_each_animal_gets_some_of_the_boxes_that_lie_on_it():
    animals = torch.tensor([[0.0, 0, 20, 20], [50, 30, 90, 60]])
    near = animals[1] + torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    far = torch.tensor([[40.0, 0, 60, 20]]).repeat(5, 1)
    rng = np.random.default_rng(0)
    boxes, owner = choose_boxes(torch.cat([near, far]), animals, SIZE, SETTINGS, rng)
    assert owner.tolist() == [1, 1]  # none lies on the first one
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert boxes.min() >= 0
    assert (boxes[:, 2] <= SIZE[1]).all()
    assert not torch.isin(boxes, near).all()  # moved a little
    nothing, owner = choose_boxes(far, animals, SIZE, SETTINGS, rng)
    assert nothing.shape == (0, 4)
    assert len(owner) == 0
    assert 0 < MIN_IOU <= 0.5


def test_masks_are_cut_out_wider_than_the_box():
    mask = torch.zeros(2, 120, 200, dtype=torch.uint8)
    mask[1, 24:80, 24:152] = 1
    cut = cut_masks(mask, torch.tensor([[40.0, 24, 152, 80]]), torch.tensor([1]))
    assert cut.shape == (1, 1, CELLS, CELLS)
    inside = cut[0, 0]
    assert inside[MARGIN : CELLS - MARGIN, : CELLS - MARGIN].all()  # also left of the box
    assert not inside[: MARGIN - 1].any()
    assert not inside[:, CELLS - MARGIN + 1 :].any()


@pytest.mark.parametrize(("logit", "expected"), [(20.0, 0.0), (-20.0, 1.0)])
def test_overlap_is_all_or_nothing(logit, expected):
    wanted = torch.zeros(2, 1, 40, 40)
    wanted[..., 10:30, 10:30] = 1
    logits = torch.where(wanted > 0, logit, -logit)
    assert compute_overlap_loss(logits, wanted).item() == pytest.approx(expected, abs=0.01)


def test_of_half_an_animal_overlap_is_half():
    wanted = torch.zeros(1, 1, 40, 40)
    wanted[..., :20] = 1
    half = torch.full_like(wanted, -20.0)
    half[..., :10] = 20.0
    assert compute_overlap_loss(half, wanted).item() == pytest.approx(0.5, abs=0.01)


@pytest.fixture
def weights(tmp_path, tiny_dataset):
    """A tiny detector of these species."""
    torch.manual_seed(0)
    card = tiny_card(NAME, short_side=96, long_side=160)
    card = card.model_copy(update={"classes": tiny_dataset.species})
    model = build_detector(NAME, len(card.classes), **card.architecture)
    save_weights(tmp_path / "plain.safetensors", model.state_dict(), card)
    return tmp_path / "plain.safetensors"


ARCHITECTURE = "model.architecture={channels = 8, short_side = 96, long_side = 160, fine_masks = true}"


def small_recipe(weights, *more):
    sets = ["optimizer.batch_size=4", "optimizer.iterations=24", "schedule.warmup_iterations=2"]
    return load_recipe(RECIPE, [f"model.initial={weights}", ARCHITECTURE, *sets, *more])


def test_a_training_changes_them_and_nothing_else(weights, tiny_data, tmp_path):
    recipe = small_recipe(weights)
    train_recipe(recipe, tiny_data, tmp_path / "run", workers=0, device="cpu", progress=False)
    before, after = (load_detector(str(path)).model for path in (weights, tmp_path / "run"))
    learned = after.state_dict()
    for name, value in before.state_dict().items():
        torch.testing.assert_close(learned[name], value.half().to(value.dtype) if value.ndim > 1 else value)
    assert learned["fine_masks.last.weight"].any()
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert {"loss_mask", "loss_overlap"} <= set(lines[0].split(","))


def test_a_training_of_all_else_keeps_them(weights, tiny_data, tmp_path):
    sets = {"workers": 0, "device": "cpu", "progress": False}
    train_recipe(small_recipe(weights), tiny_data, tmp_path / "fine", **sets)
    small = ["optimizer.iterations=4", "schedule.warmup_iterations=1", "data.width=96", "data.height=64"]
    start = f"model.initial={tmp_path / 'fine'}"
    recipe = load_recipe(NAME, [start, ARCHITECTURE, 'model.frozen=["fine_masks"]', *small])
    train_recipe(recipe, tiny_data, tmp_path / "run", **sets)
    before, after = (load_detector(str(tmp_path / run)).model.state_dict() for run in ("fine", "run"))
    for name, value in before.items():
        if name.startswith("fine_masks"):
            torch.testing.assert_close(after[name], value)
    assert not torch.equal(after["rpn.head.bbox_pred.weight"], before["rpn.head.bbox_pred.weight"])


def test_they_learn_outlines_that_can_be_seen():
    network = make_finder()
    image, target = disc()
    with torch.inference_mode():
        boxes = see_boxes(network, image, target, SETTINGS, np.random.default_rng(0))
    recipe = load_recipe(RECIPE)
    drawer = fine_masks.BoxDrawer(network, ("deer",), recipe.data, SETTINGS, 0)
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(network.fine_masks.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        batch = [drawer._draw(box, rng) for box in boxes]
        loss = sum(fine_masks.compute_losses(network, batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


@pytest.mark.parametrize("species", [("red fox", "red deer"), ("lynx",)])
def test_a_detector_of_other_species_is_refused(weights, tiny_dataset, species):
    """Its heads stay as they are: of other species they would be wrong, of more or fewer untrained."""
    with pytest.raises(
        UsageError, match=rf"knows red deer, .* has {', '.join(species)}: {RECIPE} needs the same"
    ):
        build_model(small_recipe(weights), replace(tiny_dataset, species=species))


def test_a_detector_of_frames_of_another_size_is_refused(weights, tiny_dataset):
    with pytest.raises(
        UsageError, match=rf"was trained with short_side 96, and {RECIPE} has 48: set its short"
    ):
        build_model(small_recipe(weights, "model.architecture.short_side=48"), tiny_dataset)


def test_large_frames_are_shrunk_as_in_an_analysis(tiny_dataset, monkeypatch):
    """By the mean of pixels: of fine noise hardly anything is left."""
    finder = make_finder()
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[0] * 8, SIZE[1] * 8, 3)).astype(np.uint8)
    mask = np.zeros((1, *noise.shape[:2]), bool)
    mask[0, 100:400, 200:500] = True
    monkeypatch.setattr(fine_masks, "choose_frames", lambda *args: [0])
    monkeypatch.setattr(fine_masks, "read_images", lambda *args: {0: noise})
    monkeypatch.setattr(fine_masks, "read_truth", lambda *args: (mask, [1]))
    drawer = fine_masks.BoxDrawer(finder, ("deer",), load_recipe(RECIPE).data, SETTINGS, 0)
    boxes = drawer._look_at(tiny_dataset.videos[0])
    assert boxes
    for box in boxes:
        inside = box.pixels[40:88, 40:88].astype(float)
        assert abs(inside.mean() - 127.5) < 10
        assert inside.std() < 74 / 4  # eight by eight pixels of noise become one


def test_boxes_without_masks_are_refused(tiny_dataset):
    video = next(video for video in tiny_dataset.videos if video.tracks)
    bare = replace(video.tracks[0], masks=(None,) * len(video.tracks[0]))
    dataset = replace(tiny_dataset, videos=(replace(video, tracks=(bare, *video.tracks[1:])),))
    recipe = load_recipe(RECIPE)
    with pytest.raises(DatasetError, match="has boxes without masks"):
        fine_masks.build_blocks(dataset, recipe, SETTINGS, make_finder())


def test_recipe_and_network_must_agree():
    with pytest.raises(RecipeError, match=r"needs 'model\.architecture\.fine_masks'"):
        load_recipe(RECIPE, ["model.architecture.fine_masks=false"])
    with pytest.raises(RecipeError, match=r"or \"fine_masks\" in 'model\.frozen', to keep those"):
        load_recipe(NAME, ["model.initial=x", "model.architecture.fine_masks=true"])
    with pytest.raises(RecipeError, match="is for maskrcnn_lite0_fpn"):
        load_recipe(RECIPE, ["model.name=motion_maskrcnn_lite0_fpn"])
    with pytest.raises(RecipeError, match="needs a trained detector"):
        load_recipe(RECIPE, ["model.initial=imagenet"])
