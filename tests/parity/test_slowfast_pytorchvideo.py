"""The same weights and clips give the same logits as in PyTorchVideo, whose published weights we load."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wildact.recognize import build_recognizer, pack_pathways
from wildact.weights import convert_slowfast_state, load_state

reference = pytest.importorskip(
    "pytorchvideo.models.slowfast", reason="pytorchvideo is not installed: `pip install 'wildact[dev]'`"
)

CLASSES = 7
NETWORKS = {  # frames, alpha, length of the fusion's kernel
    "8x8": (32, 4, 7),
    "4x16": (32, 8, 5),
    "schindler2021": (16, 2, 7),
}


def make_clips(frames: int, size: int) -> Tensor:
    """Two clips of coarse patterns that drift: fine noise would be averaged away."""
    coarse = torch.randn(2, 3, frames // 4, size // 16, size // 16)
    return F.interpolate(coarse, (frames, size, size), mode="trilinear")


def randomise(model: nn.Module, pathways: list[Tensor]) -> nn.Module:
    """Give a reference network weights that let all its branches be heard, and statistics of the clips."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = 0.9
    nn.init.normal_(model.blocks[6].proj.weight, std=0.05)
    nn.init.normal_(model.blocks[6].proj.bias)
    with torch.no_grad():
        model.train()(pathways)
    assert all(norm.running_mean.any() for norm in norms)
    return model.eval()


def largest_difference(frames: int, alpha: int, kernel: int, *, crop_size: int, size: int) -> float:
    """Between logits of both networks, relative to how much those of two clips differ."""
    torch.manual_seed(0)
    window = crop_size // 32
    clips = make_clips(frames, size)
    theirs = reference.create_slowfast(
        model_num_class=CLASSES,
        slowfast_fusion_conv_kernel_size=(kernel, 1, 1),
        slowfast_fusion_conv_stride=(alpha, 1, 1),
        head_pool_kernel_sizes=((frames // alpha, window, window), (frames, window, window)),
    )
    randomise(theirs, pack_pathways(clips, alpha))
    ours = build_recognizer(
        "slowfast_r50", CLASSES, num_frames=frames, alpha=alpha, fusion_kernel=kernel, crop_size=crop_size
    ).eval()
    load_state(ours, convert_slowfast_state(theirs.state_dict()))
    with torch.inference_mode():
        expected = theirs(pack_pathways(clips, alpha))
        between_clips = (expected[0] - expected[1]).abs().max()
        assert between_clips > 0.1  # what is in the clips has come through
        return ((ours(clips) - expected).abs().max() / between_clips).item()


@pytest.mark.parametrize("network", NETWORKS)
def test_logits_at_the_size_of_training(network: str) -> None:
    assert largest_difference(*NETWORKS[network], crop_size=64, size=64) < 1e-4


def test_logits_of_clips_larger_than_in_training() -> None:
    """3 x 3 cells under windows of 2 x 2: pooling them all at once would give other logits."""
    assert largest_difference(*NETWORKS["schindler2021"], crop_size=64, size=96) < 1e-4


def test_a_new_network_begins_alike() -> None:
    """The same batch norms are shut off, and the kernels of each layer are spread as widely."""
    theirs = convert_slowfast_state(reference.create_slowfast(model_num_class=CLASSES).state_dict())
    ours = build_recognizer("slowfast_r50", CLASSES, num_frames=32, alpha=4).state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if tensor.ndim > 1:
            assert tensor.std().item() == pytest.approx(theirs[name].std().item(), rel=0.25), name
        else:
            assert torch.equal(tensor, theirs[name]), name
