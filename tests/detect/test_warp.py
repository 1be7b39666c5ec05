"""Warps against functions whose shifted values are known."""

import pytest
import torch

from wildact.detect.warp import chain_flows, compose, resize_flow, resize_to_levels, warp

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


def test_a_chain_of_flows_goes_both_ways_as_far_as_the_outermost_frame():
    asked = []

    def step(start, end):
        asked.append((start, end))
        return constant_flow((6, 8), 2.0 * (end - start), 0.5 * start)

    flows = chain_flows(step, 4, [3, 1, 6])
    assert sorted(flows) == [1, 2, 3, 5, 6]
    assert torch.allclose(flows[6], constant_flow((6, 8), 4.0, 2.0 + 2.5))
    assert torch.allclose(flows[1], constant_flow((6, 8), -6.0, 2.0 + 1.5 + 1.0))
    assert asked == [(4, 3), (3, 2), (2, 1), (4, 5), (5, 6)]


def test_a_flow_on_another_grid_is_in_its_cells():
    flow = constant_flow((12, 20), 3.0, -2.0)
    coarser = resize_flow(flow, (6, 5))
    assert torch.allclose(coarser, constant_flow((6, 5), 3.0 / 4, -2.0 / 2))
    assert torch.allclose(resize_flow(coarser, (12, 20)), flow)
    assert resize_flow(flow, (12, 20)) is flow


def test_coarse_levels_get_the_mean_of_what_is_within_their_cells():
    flow = torch.randn(1, 2, *SIZES[0], generator=torch.Generator().manual_seed(0))
    levels = resize_to_levels(flow, SIZES)
    assert [tuple(level.shape[-2:]) for level in levels] == SIZES
    for factor, level in zip((1, 2, 4, 8), levels, strict=True):
        assert torch.allclose(level, torch.nn.functional.avg_pool2d(flow, factor) / factor, atol=1e-6)
