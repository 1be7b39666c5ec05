import numpy as np
import pytest
import torch
from torch.nn import functional as F

from wildact.errors import UsageError
from wildact.recognize import Recognizer, build_recognizer, pack_pathways, predict_actions
from wildact.types import Clip
from wildact.weights import WeightCard

TINY = {"width": 8, "depths": (1, 2, 1, 1), "num_frames": 8, "crop_size": 64}


def make_tiny(**options):
    """A small network in evaluation mode whose blocks are not shut off as a new one's are."""
    torch.manual_seed(0)
    model = build_recognizer("slowfast_r50", 5, **(TINY | options)).eval()
    for name, tensor in model.state_dict().items():
        if "norm" in name and tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"num_frames": 32, "alpha": 4}, 34_566_488),
        ({"num_frames": 32, "alpha": 8, "fusion_kernel": 5}, 34_480_216),
        ({}, 34_566_488),
        ({"num_frames": 32, "alpha": 4, "fusion_kernel": 5, "depths": (3, 4, 23, 3)}, 62_826_968),
    ],
)
def test_published_and_the_paper_s_networks_have_their_number_of_parameters(options, parameters):
    with torch.device("meta"):
        model = build_recognizer("slowfast_r50", 400, **options)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert len(model.state_dict()) == (1274 if "depths" in options else 662)


def test_shapes_after_each_stage_of_the_paper_s_network():
    with torch.device("meta"):  # shapes only
        model = build_recognizer("slowfast_r50", 6).eval()
    seen = {}
    for name, module in model.named_children():
        module.register_forward_hook(lambda _, inputs, output, name=name: seen.update({name: output}))
    assert model(torch.zeros(2, 3, 16, 224, 224, device="meta")).shape == (2, 6)
    fused = {name: tuple(seen[name].shape[1:4]) for name in ("fuse1", "fuse2", "fuse3", "fuse4")}
    assert fused == {
        "fuse1": (80, 8, 56),
        "fuse2": (320, 8, 56),
        "fuse3": (640, 8, 28),
        "fuse4": (1280, 8, 14),
    }
    both = {
        name: [tuple(x.shape[1:4]) for x in seen[name]] for name in ("stem", "res2", "res3", "res4", "res5")
    }
    assert both == {
        "stem": [(64, 8, 56), (8, 16, 56)],
        "res2": [(256, 8, 56), (32, 16, 56)],
        "res3": [(512, 8, 28), (64, 16, 28)],
        "res4": [(1024, 8, 14), (128, 16, 14)],
        "res5": [(2048, 8, 7), (256, 16, 7)],
    }
    assert model.fc.in_features == 2304


@pytest.mark.parametrize(
    ("frames", "alpha", "slow"),
    [
        (16, 2, [0, 2, 4, 6, 8, 10, 12, 15]),
        (32, 4, [0, 4, 8, 13, 17, 22, 26, 31]),
        (32, 8, [0, 10, 20, 31]),
        (4, 4, [0]),
        (3, 1, [0, 1, 2]),
    ],
)
def test_slow_frames_are_spread_over_the_clip_with_both_ends(frames, alpha, slow):
    clips = torch.arange(frames).view(1, 1, frames, 1, 1).expand(2, 3, frames, 2, 2)
    packed = pack_pathways(clips, alpha)
    assert packed[0].shape == (2, 3, frames // alpha, 2, 2)
    assert packed[0][1, 2, :, 0, 0].tolist() == slow
    assert torch.equal(packed[1], clips)


def test_a_clip_and_its_two_pathways_give_the_same_logits():
    model, clips = make_tiny(), torch.randn(2, 3, 8, 64, 64)
    with torch.no_grad():
        logits = model(clips)
        assert logits.shape == (2, 5)
        assert torch.equal(model(pack_pathways(clips, 2)), logits)


def test_each_pathway_is_heard():
    model = make_tiny()
    slow, fast = pack_pathways(torch.randn(1, 3, 8, 64, 64), 2)
    with torch.no_grad():
        logits = model([slow, fast])
        assert not torch.allclose(model([slow.flip(2), fast]), logits)
        assert not torch.allclose(model([slow, fast.flip(2)]), logits)


def test_clips_larger_than_in_training_are_averaged_over_overlapping_windows():
    """At 96 pixels the last stage has 3 x 3 cells: four windows of 2 x 2, the middle one in all of them."""
    model, clips = make_tiny(), torch.randn(2, 3, 8, 96, 96)
    seen = []
    model.res5.register_forward_hook(lambda _, inputs, output: seen.extend(output))
    with torch.no_grad():
        logits = model(clips)
        cells = torch.cat([x.mean(dim=2) for x in seen], dim=1)
        weights = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
        assert torch.allclose(logits, model.fc((cells * weights).sum((2, 3))), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(logits, model.fc(cells.mean((2, 3))), rtol=1e-3)


def test_a_new_network_s_blocks_are_their_shortcuts():
    torch.manual_seed(0)
    model = build_recognizer("slowfast_r50", 5, **TINY).eval()
    zero = {n for n, p in model.named_parameters() if not p.any() and n.endswith("weight")}
    blocks = [
        f"res{s}.{p}.{b}" for s, b in ((2, 0), (3, 0), (3, 1), (4, 0), (5, 0)) for p in ("slow", "fast")
    ]
    assert zero == {f"{block}.norm_c.weight" for block in blocks}
    block, x = model.res3.slow[1], torch.randn(1, 64, 2, 4, 4)
    with torch.no_grad():
        assert torch.equal(block(x), F.relu(x))
    kernel = model.res5.slow[0].conv_b.weight  # kaiming, fan out: 9 x 64 outputs of a kernel
    assert kernel.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.05)
    assert model.fc.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert not model.fc.bias.any()


def test_a_step_of_training_reaches_every_layer():
    model = make_tiny().train()
    model(torch.randn(2, 3, 8, 64, 64)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_frames": 9}, "must be divisible by its alpha"),
        ({"width": 12}, "must be divisible by its beta_inv"),
        ({"fusion_kernel": 4}, "must be odd, not 4"),
        ({"crop_size": 16}, "at least 32 pixels, not 16"),
        ({"depths": (1, 1, 1)}, "four numbers"),
        ({"alpha": 0}, "are at least 1"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        build_recognizer("slowfast_r50", 5, **(TINY | options))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 7, 64, 64), "a multiple of 2 frames, not 7"),
        ((1, 3, 16, 64, 64), "clips of 8 frames, 4 of them for the slow pathway, not 16 and 8"),
        ((1, 3, 8, 32, 32), "32 x 32 pixels are too small"),
    ],
)
def test_clips_that_do_not_fit_are_refused(shape, message):
    with pytest.raises(UsageError, match=message):
        make_tiny()(torch.zeros(shape))


def test_it_recognises_clips_as_any_other_network():
    wants = {"num_frames": 8, "rate": 4, "size": 64, "context": 1.3, "mean": [0.45] * 3, "std": [0.225] * 3}
    card = WeightCard(
        name="slowfast_r50",
        kind="recognizer",
        file="x.safetensors",
        licence="Apache-2.0",
        classes=("walking", "resting", "grazing", "running", "grooming"),
        preprocessing=wants,
        architecture=TINY,
        trained_on="nothing",
    )
    images = np.random.default_rng(0).integers(0, 255, (8, 64, 64, 3), np.uint8)
    model = build_recognizer(card.name, len(card.classes), **card.architecture)
    (scores,) = predict_actions(Recognizer.from_model(model, card), [Clip(3, 0.0, 2.0, np.arange(8), images)])
    assert scores.scores.shape == (1, 5)
    assert scores.scores.sum() == pytest.approx(1, abs=1e-5)
