"""The table of cells gives what warps of maps give."""

from collections import OrderedDict

import pytest
import torch
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from wildact.detect.cells import LEVELS, Layout, sum_rows
from wildact.detect.warp import resize_to_levels, warp


def pyramid(height=24, width=40, channels=3, count=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return OrderedDict(
        (name, torch.randn(count, channels, height >> k, width >> k, generator=generator))
        for k, name in enumerate(LEVELS)
    )


def test_maps_to_rows_and_back_with_the_level_pool_as_torchvision_makes_it():
    maps = pyramid(count=2)
    layout = Layout.of(maps)
    rows = layout.to_rows(maps)
    assert rows.shape == (2, len(layout), 3)
    assert len(layout) == 24 * 40 + 12 * 20 + 6 * 10 + 3 * 5
    back = layout.to_maps(rows)
    assert list(back) == [*LEVELS, "pool"]
    assert all(torch.equal(back[name], maps[name]) for name in LEVELS)
    (pool,) = LastLevelMaxPool()([maps["3"]], [], [])[0][1:]
    assert torch.equal(back["pool"], pool)


@pytest.mark.parametrize("size", [(24, 40), (8, 8), (16, 8)])
@pytest.mark.parametrize("strength", [0.0, 0.8, 30.0])
def test_sampled_rows_equal_warped_maps_on_all_levels_and_beyond_all_borders(size, strength):
    """(8, 8) ends in a level of a single cell."""
    maps = pyramid(*size, channels=5)
    layout = Layout.of(maps)
    flow = strength * torch.randn(3, 2, *size, generator=torch.Generator().manual_seed(1))
    index, shares = layout.corners(layout.flow_to_rows(flow), slice(None))
    assert index.shape == shares.shape == (len(layout), 3, 4)
    assert torch.allclose(shares.sum(dim=2), torch.ones(len(layout), 3))
    assert index.min() >= 0
    assert index.max() < len(layout)
    table = layout.to_rows(maps)[0]
    sampled = sum_rows(table, index.flatten(0, 1), shares.flatten(0, 1)).unflatten(0, (len(layout), 3))
    levels = resize_to_levels(flow, layout.sizes)
    for frame in range(3):
        warped = {k: warp(maps[k], f[frame : frame + 1]) for k, f in zip(LEVELS, levels, strict=True)}
        assert torch.allclose(sampled[:, frame], layout.to_rows(warped)[0], atol=1e-4)


def test_without_flow_rows_are_themselves_to_the_last_bit():
    maps = pyramid()
    layout = Layout.of(maps)
    table = layout.to_rows(maps)[0]
    index, shares = layout.corners(torch.zeros(2, len(layout), 1), slice(None))
    assert torch.equal(sum_rows(table, index[:, 0], shares[:, 0]), table)


def test_some_of_the_rows_are_those_of_all():
    layout = Layout.of(pyramid())
    flow = torch.randn(2, len(layout), 2, generator=torch.Generator().manual_seed(2))
    chosen = torch.tensor([3, 500, 1000, len(layout) - 1])
    everything, some = layout.corners(flow, slice(None)), layout.corners(flow[:, chosen], chosen)
    assert all(torch.equal(all_[chosen], part) for all_, part in zip(everything, some, strict=True))
