"""Flow in the direction that a warp needs, in pixels of what it was found on."""

import cv2
import numpy as np
import pytest
import torch

from wildact.detect.fgfa.flow import FLOWS
from wildact.detect.fgfa.warp import warp


def shifted_pair(dx, dy, size=(96, 128)):
    """Two cuts of a smooth random picture; what is at p of the first is at p + (dx, dy) of the second."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.uniform(0, 1, (160, 200, 3)).astype(np.float32), (0, 0), 2.5)
    texture = (texture - texture.min()) / np.ptp(texture)
    cuts = [texture[20 - y : 20 - y + size[0], 20 - x : 20 - x + size[1]] for x, y in ((0, 0), (dx, dy))]
    return [torch.from_numpy(np.ascontiguousarray(cut.transpose(2, 0, 1)))[None] for cut in cuts]


@pytest.mark.parametrize(("scale", "tolerance"), [(1.0, 0.15), (0.5, 0.15)])
@pytest.mark.parametrize("shift", [(6, 0), (0, -4), (-4, 8)])
def test_dis_finds_a_shift_and_the_warp_undoes_it(shift, scale, tolerance):
    flow = FLOWS["dis"](scale)
    first, second = (flow.prepare(image) for image in shifted_pair(*shift))
    assert first.dtype == torch.uint8
    found = flow(first, second)
    assert found.shape == (1, 2, round(96 * scale), round(128 * scale))
    inside = (..., slice(12, -12), slice(12, -12))
    middle = found[inside].flatten(2).median(dim=2).values[0]
    assert torch.allclose(middle, torch.tensor(shift) * scale, atol=tolerance)
    undone = warp(second.float(), found)
    assert (undone - first.float())[inside].abs().mean() < 0.25 * (second - first.float())[
        inside
    ].abs().mean()


def test_equal_frames_do_not_move():
    flow = FLOWS["dis"](0.5)
    first, _ = (flow.prepare(image) for image in shifted_pair(0, 0))
    assert flow(first, first).abs().max() < 1e-3


def test_several_pairs_at_once_are_those_one_by_one():
    flow = FLOWS["dis"](0.5)
    a, b = (flow.prepare(image) for image in shifted_pair(4, 2))
    together = flow(torch.cat([a, b]), torch.cat([b, a]))
    assert torch.equal(together, torch.cat([flow(a, b), flow(b, a)]))


def test_raft_takes_pictures_of_any_size_and_gives_its_last_iteration():
    torch.manual_seed(0)
    flow = FLOWS["raft_small"](0.5).eval()
    with torch.inference_mode():
        first, second = (flow.prepare(image) for image in shifted_pair(4, 2, size=(92, 120)))
        assert first.min() >= -1
        assert first.max() <= 1
        found = flow(first, second)
        assert found.shape == (1, 2, 46, 60)
        padded = [
            torch.nn.functional.pad(x, (0, 128 - 60, 0, 128 - 46), mode="replicate") for x in (first, second)
        ]
        assert torch.allclose(found, flow.network(*padded)[-1][..., :46, :60], atol=1e-4)
