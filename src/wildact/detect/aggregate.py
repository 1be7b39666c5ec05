"""Flow-guided aggregation: the mean of a frame's features and of those of others, brought to its places.

At each cell, each frame's share is the softmax over the frames of how similar its embedding is to that of the
current frame, by their scalar product: all embeddings have one length, so it is their cosine times the square
of that. The current frame takes part as it is, without a warp, in training and at run time. Embeddings are
warped with the features, so the similarity of a place between cells is interpolated between those of the
cells around.

Reference: Zhu et al. 2017, Flow-Guided Feature Aggregation for Video Object Detection, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from wildact.detect.cells import Layout, sum_rows
from wildact.detect.warp import warp

CHUNK_ROWS = 4096
"""Cells aggregated at a time: what is computed for so many stays in a processor's cache."""


def aggregate_maps(features: Tensor, embeddings: Tensor, flow: Tensor) -> Tensor:
    """Aggregate one level of windows of T frames; differentiable in everything.

    Args:
        features: (N, T, C, H, W), the current frame first.
        embeddings: (N, T, E, H, W), of one length over E.
        flow: (N, T - 1, 2, H, W) from the current frame to each of the others, in cells.

    Returns:
        (N, C, H, W).
    """
    both = torch.cat([features, embeddings], dim=2)
    others = both[:, 1:]
    warped = warp(others.flatten(0, 1), flow.flatten(0, 1)).view_as(others)
    values, keys = torch.tensor_split(torch.cat([both[:, :1], warped], dim=1), [features.shape[2]], dim=2)
    shares = torch.softmax((keys * embeddings[:, :1]).sum(dim=2, keepdim=True), dim=1)
    return torch.sum(shares * values, dim=1)


def aggregate_rows(
    features: Tensor,
    embeddings: Tensor,
    layout: Layout,
    flow: Tensor,
    *,
    current: int,
    others: Sequence[int],
    chosen: Tensor | None = None,
) -> Tensor:
    """The same for all levels of one frame, from tables that hold those of many; for inference.

    Args:
        features: (S, P, C) of S frames.
        embeddings: (S, P, E), of one length over E.
        layout: of the P rows.
        flow: (2, P, J) from the current frame to the others, see `Layout.flow_to_rows`.
        current: which of the S frames is looked at.
        others: which J of them help.
        chosen: (R,) rows to aggregate; the others keep the current frame's features. None: all.

    Returns:
        (P, C).
    """
    own, key = features[current], embeddings[current]
    if not others:
        return own.clone()
    start = torch.tensor(others, dtype=torch.int32, device=own.device)[:, None] * len(layout)
    result = own.clone() if chosen is not None else torch.empty_like(own)
    all_features, all_embeddings = features.flatten(0, 1), embeddings.flatten(0, 1)
    for rows in _chunks(len(layout), chosen):
        index, corners = layout.corners(flow[:, rows], rows)
        index += start
        found = sum_rows(all_embeddings, index.flatten(0, 1), corners.flatten(0, 1))
        similar = (found.view(*index.shape[:2], -1) * key[rows, None]).sum(dim=2)
        itself = key[rows].square().sum(dim=1, keepdim=True)
        shares = torch.cat([itself, similar], dim=1).softmax(dim=1)
        corners *= shares[:, 1:, None]
        summed = sum_rows(all_features, index.flatten(1), corners.flatten(1))
        result[rows] = summed.addcmul_(shares[:, :1], own[rows])
    return result


def _chunks(count: int, chosen: Tensor | None) -> Iterator[slice | Tensor]:
    if chosen is None:
        yield from (slice(k, min(k + CHUNK_ROWS, count)) for k in range(0, count, CHUNK_ROWS))
    else:
        yield from torch.split(chosen, CHUNK_ROWS)
