"""Both ways of aggregating are the same formula, and the formula is that of the paper."""

import math

import pytest
import torch
from torch.nn import functional as F

from wildact.detect import aggregate
from wildact.detect.aggregate import aggregate_maps, aggregate_rows
from wildact.detect.cells import LEVELS, Layout
from wildact.detect.warp import resize_to_levels

SIZE = (16, 24)


def window(frames, *, channels=4, embedded=3, seed=0):
    """Features and embeddings of all levels, each (frames, C, H, W), and flows to all but the first frame."""
    generator = torch.Generator().manual_seed(seed)
    features, embeddings = {}, {}
    for k, name in enumerate(LEVELS):
        shape = (SIZE[0] >> k, SIZE[1] >> k)
        features[name] = torch.randn(frames, channels, *shape, generator=generator)
        embeddings[name] = F.normalize(torch.randn(frames, embedded, *shape, generator=generator), dim=1)
    flow = 2 * torch.randn(frames - 1, 2, *SIZE, generator=generator)
    return features, embeddings, flow


def by_maps(features, embeddings, flow):
    levels = resize_to_levels(flow, [tuple(features[name].shape[-2:]) for name in LEVELS])
    return {
        name: aggregate_maps(features[name][None], embeddings[name][None], level[None])
        for name, level in zip(LEVELS, levels, strict=True)
    }


def by_rows(features, embeddings, flow, **more):
    layout = Layout.of(features)
    count = len(features["0"])
    return layout, aggregate_rows(
        layout.to_rows(features), layout.to_rows(embeddings), layout, layout.flow_to_rows(flow),
        current=0, others=list(range(1, count)), **more,
    )  # fmt: skip


@pytest.mark.parametrize("frames", [2, 3, 6])
def test_tables_give_what_maps_give(frames, monkeypatch):
    monkeypatch.setattr(aggregate, "CHUNK_ROWS", 100)
    features, embeddings, flow = window(frames)
    layout, rows = by_rows(features, embeddings, flow)
    assert torch.allclose(rows, layout.to_rows(by_maps(features, embeddings, flow))[0], atol=1e-4)


def test_equal_frames_without_flow_give_the_frame_itself():
    features, embeddings, flow = window(4)
    same = {k: v[:1].expand_as(v).contiguous() for k, v in features.items()}
    keys = {k: v[:1].expand_as(v).contiguous() for k, v in embeddings.items()}
    layout, rows = by_rows(same, keys, torch.zeros_like(flow))
    own = layout.to_rows(features)[0]
    assert torch.allclose(rows, own, rtol=1e-6, atol=1e-6)
    maps = layout.to_rows(by_maps(same, keys, torch.zeros_like(flow)))[0]
    assert torch.allclose(maps, own, rtol=1e-4, atol=1e-4)


def test_shares_are_the_softmax_of_cosines():
    """A frame of the same embedding counts e times as much as one of a perpendicular one, at each place."""
    features, embeddings, flow = window(3, embedded=2)
    for name, keys in embeddings.items():
        keys[:2] = torch.tensor([1.0, 0.0]).view(2, 1, 1)
        keys[2] = torch.tensor([0.0, 1.0]).view(2, 1, 1)
        features[name][:] = torch.tensor([0.0, 10.0, 20.0]).view(3, 1, 1, 1)
    expected = (10 * math.e + 20) / (2 * math.e + 1)
    _, rows = by_rows(features, embeddings, flow)
    assert torch.allclose(rows, torch.full_like(rows, expected), atol=1e-4)


def test_cells_that_were_not_chosen_keep_what_the_frame_itself_has():
    features, embeddings, flow = window(3)
    chosen = torch.tensor([0, 7, 200, 300])
    layout, everything = by_rows(features, embeddings, flow)
    own = layout.to_rows(features)[0]
    some = aggregate_rows(
        layout.to_rows(features), layout.to_rows(embeddings), layout, layout.flow_to_rows(flow),
        current=0, others=[1, 2], chosen=chosen,
    )  # fmt: skip
    assert torch.allclose(some[chosen], everything[chosen])
    rest = torch.ones(len(layout), dtype=torch.bool)
    rest[chosen] = False
    assert torch.equal(some[rest], own[rest])


def test_a_frame_alone_is_itself_and_the_tables_are_left_as_they_are():
    features, embeddings, _ = window(2)
    layout = Layout.of(features)
    rows = layout.to_rows(features)
    before = rows.clone()
    alone = aggregate_rows(
        rows, layout.to_rows(embeddings), layout, torch.zeros(2, len(layout), 0), current=1, others=[]
    )
    alone += 1
    assert torch.equal(rows, before)
    assert torch.allclose(alone - 1, before[1], atol=1e-6)
