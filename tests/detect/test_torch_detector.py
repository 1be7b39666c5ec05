import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from wildact.detect import build_detector, wrap_model
from wildact.detect.torch_detector import paste_mask
from wildact.masks import decode_mask, mask_to_box
from wildact.weights import WeightCard


def make_model(**architecture):
    torch.manual_seed(0)
    small = {"channels": 8, "short_side": 64, "long_side": 128, "max_detections": 6}
    return build_detector("maskrcnn_lite0_fpn", 3, **(small | architecture))


def make_card(keep=None):
    return WeightCard(
        name="maskrcnn_lite0_fpn",
        kind="detector",
        file="x.safetensors",
        licence="Apache-2.0",
        classes=("deer", "boar", "fox"),
        keep_classes=keep,
        preprocessing={},
        architecture={},
        trained_on="nothing",
    )


def make_detector(*, keep=None, min_score=0.0, **architecture):
    return wrap_model(make_model(**architecture), make_card(keep), min_score=min_score)


def images(*sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (h, w, 3), np.uint8) for h, w in sizes]


@pytest.mark.parametrize("size", [(64, 96), (180, 320), (50, 97)])
def test_the_model_s_own_call_is_what_ships(size):
    model, (picture,) = make_model(), images(size)
    found = wrap_model(model, make_card())(picture)
    with torch.inference_mode():
        (own,) = model.eval()([torch.from_numpy(picture).permute(2, 0, 1).float() / 255])
    assert len(found) == len(own["boxes"]) > 0
    assert np.allclose(found.boxes, own["boxes"], atol=1e-3)
    assert np.allclose(found.scores, own["scores"], atol=1e-5)
    assert found.labels.tolist() == (own["labels"] - 1).tolist()
    pasted = paste_masks_in_image(own["masks"], own["boxes"], size)[:, 0] >= 0.5
    for ours, theirs in zip(found.masks, pasted.numpy(), strict=True):
        assert (decode_mask(ours) != theirs).sum() <= max(12, 0.08 * theirs.sum())


def test_the_caller_s_model_stays_as_it_is():
    model = make_model().train()
    threshold = model.roi_heads.score_thresh
    wrap_model(model, make_card(), min_score=0.7)(images((64, 64))[0])
    assert model.training
    assert model.roi_heads.score_thresh == threshold
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64, 3), np.float32),
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((0, 64, 3), np.uint8),
        [[0, 0, 0]],
    ],
)
def test_anything_but_an_rgb_image_is_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        make_detector()(image)


def test_boxes_and_masks_are_in_pixels_of_the_original_image():
    detector = make_detector()
    (picture,) = images((64, 128))
    small, large = detector(picture), detector(picture.repeat(4, axis=0).repeat(4, axis=1))
    assert len(small) == len(large) > 0
    assert large.boxes.max() == pytest.approx(4 * small.boxes.max(), rel=0.05)
    assert {(mask.height, mask.width) for mask in large.masks} == {(256, 512)}


def test_one_image_at_a_time_equals_a_batch():
    detector = make_detector()
    pictures = images((64, 96), (64, 96))
    for picture, expected in zip(pictures, detector.predict(pictures), strict=True):
        assert np.allclose(detector(picture).boxes, expected.boxes, atol=1e-2)


def test_only_kept_classes_are_reported():
    (picture,) = images((64, 96))
    everything, kept = make_detector()(picture), make_detector(keep=("fox",))(picture)
    assert set(kept.labels.tolist()) <= {2}
    assert len(kept) == (everything.labels == 2).sum()


def test_min_score_and_no_images():
    assert make_detector().predict([]) == []
    assert len(make_detector(min_score=0.9999)(images((64, 64))[0])) == 0


@pytest.mark.parametrize("box", [(10, 20, 60, 50), (-8, -5, 30, 30), (70, 40, 120, 80), (5.3, 5.7, 6.1, 6.2)])
def test_pasted_mask_lies_where_torchvision_pastes_it(box):
    rng = np.random.default_rng(1)
    coarse = rng.random((4, 4)).astype(np.float32)
    probabilities = np.kron(coarse, np.ones((7, 7), np.float32))
    box = np.array(box, np.float32)
    ours = decode_mask(paste_mask(probabilities, box, 60, 90))
    theirs = paste_masks_in_image(
        torch.from_numpy(probabilities)[None, None], torch.from_numpy(box)[None], (60, 90)
    )
    theirs = (theirs[0, 0] >= 0.5).numpy()
    assert (ours != theirs).sum() <= max(4, 0.15 * theirs.sum())


def test_a_mask_outside_the_frame_is_empty():
    rle = paste_mask(np.ones((28, 28), np.float32), np.array([200, 200, 220, 220], np.float32), 60, 90)
    assert mask_to_box(rle).tolist() == [0, 0, 0, 0]
