"""Fine masks: where they lie, and that the networks around them take them in."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.detect.conftest import SMALL, make_frames, tiny_card, tiny_model
from wildact.detect import Detector, build_detector, fine_masks, predict_detections
from wildact.detect.fine_masks import (
    CELLS,
    INNER,
    MARGIN,
    PIXELS,
    FineMasks,
    apply_fine_masks,
    cut_pixels,
    rate_masks,
    widen,
)
from wildact.detect.predict import paste_mask
from wildact.masks import decode_mask
from wildact.weights import save_weights

NAME = "maskrcnn_lite0_fpn"


def bolder(model):
    """One that has learned something: fine masks differ from the mask head's."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        last = model.fine_masks.last
        last.weight.copy_(torch.randn(last.weight.shape, generator=generator))
    return model


@pytest.fixture(scope="module")
def plain():
    model = tiny_model(NAME)
    torch.nn.init.constant_(model.roi_heads.mask_predictor.mask_fcn_logits.bias, 1.0)  # no empty masks
    return Detector.from_model(model, tiny_card(NAME), min_score=0.01)


@pytest.fixture(scope="module")
def untrained(plain):
    model = tiny_model(NAME, fine_masks=True)
    model.load_state_dict(plain.model.state_dict(), strict=False)
    return Detector.from_model(model, tiny_card(NAME, fine_masks=True), min_score=0.01)


@pytest.fixture(scope="module")
def fine(plain):
    model = tiny_model(NAME, fine_masks=True)
    model.load_state_dict(plain.model.state_dict(), strict=False)
    return Detector.from_model(bolder(model), tiny_card(NAME, fine_masks=True), min_score=0.01)


@pytest.fixture(scope="module")
def pictures():
    return [frame.image for frame in make_frames(2)]


def test_untrained_they_leave_the_mask_head_s_guess_as_it_is():
    untrained = FineMasks(8)
    guess = torch.rand(3, 1, 28, 28)
    with torch.inference_mode():
        logits = untrained(torch.randn(3, 3, PIXELS, PIXELS), torch.randn(3, 8, 14, 14), guess)
    assert logits.shape == (3, 1, CELLS, CELLS)
    inner = logits[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    expected = F.interpolate(torch.logit(guess, eps=1e-3), INNER, mode="bilinear")
    torch.testing.assert_close(inner, expected)
    beside = logits.clone()
    beside[..., MARGIN:-MARGIN, MARGIN:-MARGIN] = -10
    assert beside.max() < -6  # nothing is beyond the box


def pair(before, after):
    """Places of detections in ``before``, and in ``after`` of those that have the same box and name."""
    same = (before.boxes[:, None] == after.boxes[None]).all(axis=2)
    return np.nonzero(same & (before.labels[:, None] == after.labels[None]))


def test_untrained_they_hardly_change_masks(plain, untrained, pictures):
    for before, after in zip(
        predict_detections(plain, pictures), predict_detections(untrained, pictures), strict=True
    ):
        places, found = pair(before, after)
        assert len(after) == len(found) > 0
        for one, other in zip(places, found, strict=True):
            assert (decode_mask(before.masks[one]) == decode_mask(after.masks[other])).mean() > 0.97


def test_trained_they_change_masks_and_scores_but_no_box(plain, fine, pictures):
    (before, *_), (after, *_) = predict_detections(plain, pictures), predict_detections(fine, pictures)
    places, found = pair(before, after)
    assert len(after) == len(found) > 0
    assert (after.scores[found] < before.scores[places]).all()
    assert (np.diff(after.scores) <= 0).all()
    changed = [
        (decode_mask(before.masks[one]) != decode_mask(after.masks[other])).any()
        for one, other in zip(places, found, strict=True)
    ]
    assert any(changed)


def test_frames_of_a_batch_do_not_change_each_other(fine, pictures):
    for picture, together in zip(pictures, predict_detections(fine, pictures), strict=True):
        (alone,) = predict_detections(fine, [picture])
        np.testing.assert_allclose(alone.boxes, together.boxes, atol=1e-3)
        for one, other in zip(alone.masks, together.masks, strict=True):
            assert (decode_mask(one) == decode_mask(other)).mean() > 0.999


def test_looking_at_few_boxes_at_once_changes_nothing(fine, pictures, monkeypatch):
    monkeypatch.setattr(fine_masks, "AT_ONCE", 1000)
    whole = predict_detections(fine, pictures)
    assert sum(map(len, whole)) > 3
    monkeypatch.setattr(fine_masks, "AT_ONCE", 3)
    looks = []
    hook = fine.model.fine_masks.register_forward_pre_hook(lambda _, given: looks.append(len(given[0])))
    parts = predict_detections(fine, pictures)
    hook.remove()
    assert len(looks) > 1
    assert max(looks) == 3
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)
        for mask, same in zip(one.masks, other.masks, strict=True):
            assert (decode_mask(mask) != decode_mask(same)).mean() < 1e-3


def test_an_empty_frame_has_none():
    silent = tiny_model(NAME, fine_masks=True)
    with torch.no_grad():
        silent.roi_heads.box_predictor.cls_score.bias[0] = 100.0
    detector = Detector.from_model(silent, tiny_card(NAME, fine_masks=True), min_score=0.5)
    (found,) = predict_detections(detector, [np.zeros((64, 96, 3), np.uint8)])
    assert len(found) == 0
    assert found.masks == ()


def test_a_frame_and_its_mirror_image_give_mirrored_answers(fine, pictures):
    (found,) = predict_detections(fine, pictures[:1], mirrored=True)
    reverse = np.ascontiguousarray(pictures[0][:, ::-1])
    (other,) = predict_detections(fine, [reverse], mirrored=True)
    assert len(found) == len(other) > 0
    np.testing.assert_allclose(found.boxes[:, [0, 2]], 96 - other.boxes[:, [2, 0]], atol=1e-2)
    for one, two in zip(found.masks, other.masks, strict=True):
        assert (decode_mask(one) == decode_mask(two)[:, ::-1]).mean() > 0.99


def test_pixels_are_cut_out_of_the_image_wider_than_the_box():
    """A ramp of brightness from left to right says where each sample lies."""
    ramp = torch.arange(200.0).expand(1, 4, 100, 200)
    (cut,) = cut_pixels(ramp, [torch.tensor([[28.0, 10, 140, 66]])])
    assert cut.shape == (3, PIXELS, PIXELS)  # the fourth channel is none of a picture
    step = (140 - 28) / INNER / 2
    expected = 28 - MARGIN * 2 * step + (torch.arange(PIXELS) + 0.5) * step - 0.5
    torch.testing.assert_close(cut[0, 40], expected)


def mask_of(left, top, right, bottom):
    """(1, 1, CELLS, CELLS) of an animal that fills some cells."""
    probabilities = torch.full((1, 1, CELLS, CELLS), 0.1)
    probabilities[..., top:bottom, left:right] = 0.9
    return probabilities


def test_each_image_gets_its_own_masks_in_wider_boxes():
    outputs = [
        {"boxes": torch.tensor([[0.0, 0, 56, 56]]), "scores": torch.ones(1)},
        {"boxes": torch.zeros(0, 4), "scores": torch.zeros(0)},
    ]
    first, second = apply_fine_masks(outputs, mask_of(0, 0, 10, CELLS), 0.05)
    torch.testing.assert_close(first["boxes"], outputs[0]["boxes"])
    assert first["masks"].shape == (1, 1, CELLS, CELLS)
    torch.testing.assert_close(first["mask_boxes"], torch.tensor([[-4.0, -4, 60, 60]]))
    assert second["masks"].shape == (0, 1, CELLS, CELLS)
    assert second["mask_boxes"].shape == (0, 4)


def test_what_has_a_doubtful_outline_scores_less():
    sure = mask_of(0, 0, 10, CELLS)
    empty, doubtful = torch.full_like(sure, 0.1), sure.clamp_max(0.64)
    torch.testing.assert_close(rate_masks(torch.cat([sure, empty, doubtful])), torch.tensor([0.9, 0.0, 0.64]))
    output = {
        "boxes": torch.arange(12.0).reshape(3, 4),
        "scores": torch.tensor([0.9, 0.8, 0.7]),
        "labels": torch.tensor([1, 2, 3]),
    }
    (result,) = apply_fine_masks([output], torch.cat([doubtful, empty, sure]), 0.05)
    torch.testing.assert_close(result["scores"], torch.tensor([0.9 * 0.8, 0.7 * 0.9**0.5]))
    assert result["labels"].tolist() == [1, 3]  # the second has no mask at all
    (result,) = apply_fine_masks([output], torch.cat([doubtful, sure, sure]), 0.05)
    assert result["labels"].tolist() == [2, 1, 3]
    assert result["masks"][1].max() == 0.64  # its own
    torch.testing.assert_close(result["boxes"], output["boxes"][[1, 0, 2]])


def test_a_mask_is_pasted_where_it_was_looked_at():
    """Pixels of the frame to cells and back: an animal of whole cells keeps its place."""
    box = torch.tensor([[40.0, 24, 152, 80]])
    pasted = decode_mask(
        paste_mask(mask_of(0, MARGIN, 30, CELLS - 4)[0, 0].numpy(), widen(box)[0].numpy(), 120, 200)
    )
    rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
    assert abs(int(columns[0]) - (40 - 2 * MARGIN)) <= 1
    assert abs(int(columns[-1]) + 1 - (40 - 2 * MARGIN + 60)) <= 1
    assert abs(int(rows[0]) - 24) <= 1
    assert abs(int(rows[-1]) + 1 - (24 - MARGIN + CELLS - 4)) <= 1


@pytest.fixture
def fine_weights(fine, tmp_path):
    save_weights(tmp_path / "fine.safetensors", fine.model.state_dict(), fine.card)
    return str(tmp_path / "fine.safetensors")


@pytest.mark.parametrize("name", [NAME, "fgfa_maskrcnn_lite0_fpn"])
def test_a_network_without_fine_masks_begins_with_the_rest_of_the_weights(name, fine, fine_weights, caplog):
    model = build_detector(name, 3, weights=fine_weights, **SMALL)
    assert "has fine_masks, which maskrcnn_lite0_fpn here has not: left out" in caplog.text
    assert getattr(model, "fine_masks", None) is None
    torch.testing.assert_close(
        model.roi_heads.box_head.fc6.weight, fine.model.roi_heads.box_head.fc6.weight, check_stride=False
    )


def test_one_with_them_begins_with_them_or_without(plain, fine, fine_weights, tmp_path):
    model = build_detector(NAME, 3, weights=fine_weights, fine_masks=True, **SMALL)
    torch.testing.assert_close(
        model.fine_masks.last.weight, fine.model.fine_masks.last.weight, check_stride=False
    )
    save_weights(tmp_path / "plain.safetensors", plain.model.state_dict(), plain.card)
    model = build_detector(NAME, 3, weights=str(tmp_path / "plain.safetensors"), fine_masks=True, **SMALL)
    assert not model.fine_masks.last.weight.any()
