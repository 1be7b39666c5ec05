"""Warps against functions whose shifted values are known, and means over warped frames."""

import math

import pytest
import torch
from torch.nn import functional as F

from wildact.detect.fgfa.warp import aggregate_maps, compose, resize_flow, warp

SIZES = [(24, 40), (12, 20), (6, 10), (3, 5)]


def grid(size):
    y, x = torch.meshgrid(torch.arange(size[0]).float(), torch.arange(size[1]).float(), indexing="ij")
    return x, y


def constant_flow(size, dx, dy):
    return torch.tensor([dx, dy]).view(1, 2, 1, 1).expand(1, 2, *size).clone()


def clamped(size, x, y):
    return x.clamp(0, size[1] - 1), y.clamp(0, size[0] - 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, 0.0), (0.0, -2.0), (0.3, 0.0), (0.0, 0.7), (-1.45, 2.2)])
def test_a_plane_is_shifted_exactly_on_both_axes_and_stays_at_its_borders(size, shift):
    """Bilinear sampling is exact on a plane: what a wrong convention shifts by half a cell shows."""
    x, y = grid(size)
    features = torch.stack([x, y, 2 * x - 3 * y])[None]
    warped = warp(features, constant_flow(size, *shift))[0]
    at_x, at_y = clamped(size, x + shift[0], y + shift[1])
    assert torch.allclose(warped, torch.stack([at_x, at_y, 2 * at_x - 3 * at_y]), atol=1e-4)


@pytest.mark.parametrize("size", [(32, 48), (48, 32)])
def test_a_smooth_picture_is_shifted_by_parts_of_a_cell(size):
    x, y = grid(size)

    def wave(x, y):
        return torch.sin(0.20 * x + 0.1) * torch.cos(0.17 * y)

    warped = warp(wave(x, y)[None, None], constant_flow(size, 1.25, -0.6))[0, 0]
    inside = (slice(2, -2), slice(2, -2))
    error = (warped - wave(x + 1.25, y - 0.6))[inside].abs().max()
    assert error < 0.01  # a tenth of what a shift of half a cell would make
    assert (wave(x + 0.75, y - 0.6) - wave(x + 1.25, y - 0.6))[inside].abs().max() > 0.08


def test_each_place_has_a_flow_of_its_own():
    features = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[0, 0, 1, 1], flow[0, 1, 2, 3] = 2, -1
    expected = features.clone()
    expected[0, 0, 1, 1], expected[0, 0, 2, 3] = features[0, 0, 1, 3], features[0, 0, 1, 3]
    assert torch.allclose(warp(features, flow), expected, atol=1e-5)


def test_the_warp_is_differentiable_in_features_and_flow():
    x, _ = grid((6, 8))
    features, flow = (3 * x)[None, None].requires_grad_(), constant_flow((6, 8), 0.5, 0.0).requires_grad_()
    warp(features, flow)[..., 2:4, 2:4].sum().backward()
    assert features.grad.sum() == pytest.approx(4)
    assert torch.allclose(flow.grad[0, 0, 2:4, 2:4], torch.full((2, 2), 3.0), atol=1e-4)


def test_flows_one_after_the_other():
    size = (12, 16)
    x, y = grid(size)
    first = constant_flow(size, 1.5, -0.5)
    second = torch.stack([0.1 * x, 0.2 * y])[None]
    composed = compose(first, second)[0]
    at_x, at_y = clamped(size, x + 1.5, y - 0.5)
    assert torch.allclose(composed, torch.stack([1.5 + 0.1 * at_x, -0.5 + 0.2 * at_y]), atol=1e-4)


def test_a_flow_on_another_grid_is_in_its_cells():
    flow = constant_flow((12, 20), 3.0, -2.0)
    coarser = resize_flow(flow, (6, 5))
    assert torch.allclose(coarser, constant_flow((6, 5), 3.0 / 4, -2.0 / 2))
    assert torch.allclose(resize_flow(coarser, (12, 20)), flow)
    assert resize_flow(flow, (12, 20)) is flow


def test_a_coarser_flow_is_the_mean_of_what_is_within_its_cells():
    flow = torch.randn(1, 2, *SIZES[0], generator=torch.Generator().manual_seed(0))
    for factor, size in zip((1, 2, 4, 8), SIZES, strict=True):
        assert torch.allclose(resize_flow(flow, size), F.avg_pool2d(flow, factor) / factor, atol=1e-6)


def random_maps(frames, channels, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, channels, *SIZES[1], generator=generator) for _ in range(frames)]


def test_equal_frames_without_flow_give_the_frame_itself():
    (features,), (keys,) = random_maps(1, 4, 0), random_maps(1, 3, 1)
    still = [torch.zeros(2, 2, *SIZES[1])] * 3
    assert torch.allclose(aggregate_maps([features] * 4, [keys] * 4, still), features, atol=1e-5)


def test_a_moved_frame_is_brought_back_before_it_counts():
    features, keys = random_maps(1, 4, 0)[0], torch.ones(2, 1, *SIZES[1])
    moved = torch.roll(features, 3, dims=3)  # what is at x is at x + 3 of the other frame
    mean = aggregate_maps(
        [features, moved], [keys, keys], [constant_flow(SIZES[1], 3.0, 0.0).expand(2, -1, -1, -1)]
    )
    assert torch.allclose(mean[..., :-3], features[..., :-3], atol=1e-4)
    assert not torch.allclose(mean[..., -3:], features[..., -3:], atol=1e-1)


def test_shares_are_the_softmax_of_cosines():
    """A frame of the same embedding counts e times as much as one of a perpendicular one, at each place."""
    size = (1, 1, *SIZES[1])
    same, other = (
        torch.tensor(key).view(1, 2, 1, 1).expand(1, 2, *SIZES[1]) for key in ((1.0, 0.0), (0.0, 1.0))
    )
    features = [torch.full(size, value) for value in (0.0, 10.0, 20.0)]
    still = [torch.zeros(1, 2, *SIZES[1])] * 2
    mean = aggregate_maps(features, [same, same, other], still)
    assert torch.allclose(mean, torch.full(size, (10 * math.e + 20) / (2 * math.e + 1)), atol=1e-4)


def test_the_mean_over_frames_is_differentiable_in_everything():
    parts = [random_maps(2, 4, 0), random_maps(2, 3, 1), random_maps(1, 2, 2)]
    for part in parts:
        for tensor in part:
            tensor.requires_grad_()
    aggregate_maps(*parts).square().sum().backward()
    assert all(tensor.grad.abs().sum() > 0 for part in parts for tensor in part)
