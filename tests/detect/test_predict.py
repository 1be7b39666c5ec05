import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from wildact.detect import DETECTORS, Detector, build_detector, predict_detections
from wildact.detect.predict import paste_mask, resize_for
from wildact.errors import UsageError
from wildact.masks import decode_mask, mask_to_box
from wildact.weights import WeightCard


def make_detector(*, keep=None, min_score=0.0, **architecture):
    torch.manual_seed(0)
    small = {"channels": 8, "short_side": 64, "long_side": 128, "max_animals": 6}
    model = build_detector("maskrcnn_lite0_fpn", 3, **(small | architecture))
    card = WeightCard(
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
    return Detector.from_model(model, card, min_score=min_score)


@pytest.mark.parametrize("name", [name for name in DETECTORS if "resnet50" in name])
def test_the_paper_s_networks_work_at_any_size_and_at_torchvision_s_by_default(name):
    with torch.device("meta"):
        full, small = build_detector(name, 3), build_detector(name, 3, short_side=180, long_side=320)
    (picture,) = images((360, 640))
    assert resize_for(full, picture).shape == (750, 1333, 3)
    assert resize_for(small, picture).shape == (180, 320, 3)


def images(*sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (h, w, 3), np.uint8) for h, w in sizes]


def test_boxes_and_masks_are_in_pixels_of_each_original_image():
    detector = make_detector()
    pictures = images((180, 320), (64, 64), (50, 97))
    for picture, found in zip(pictures, predict_detections(detector, pictures), strict=True):
        height, width = picture.shape[:2]
        assert len(found) > 0
        assert (found.boxes[:, 2] <= width + 1e-3).all()
        assert (found.boxes[:, 3] <= height + 1e-3).all()
        assert found.boxes[:, 2].max() > 0.6 * width  # and not in those of the resized one
        assert all((m.height, m.width) == (height, width) for m in found.masks)


def test_our_path_equals_torchvision_s_own_where_no_resizing_is_needed():
    detector = make_detector()
    (picture,) = images((64, 96))
    (found,) = predict_detections(detector, [picture])
    with torch.inference_mode():
        (theirs,) = detector.model([torch.from_numpy(picture).permute(2, 0, 1) / 255])
    assert np.allclose(found.boxes, theirs["boxes"], atol=1e-2)
    assert np.allclose(found.scores, theirs["scores"], atol=1e-4)
    assert found.labels.tolist() == (theirs["labels"] - 1).tolist()
    for ours, his in zip(found.masks, theirs["masks"][:, 0] >= 0.5, strict=True):
        his = his.numpy()
        ours = decode_mask(ours)
        assert (ours != his).sum() <= max(12, 0.08 * max(his.sum(), ours.sum()))


def test_one_image_at_a_time_equals_a_batch():
    detector = make_detector()
    pictures = images((64, 96), (64, 96))
    together = predict_detections(detector, pictures)
    for picture, expected in zip(pictures, together, strict=True):
        (alone,) = predict_detections(detector, [picture])
        assert np.allclose(alone.boxes, expected.boxes, atol=1e-2)


def test_only_kept_classes_are_reported():
    pictures = images((64, 96))
    everything = predict_detections(make_detector(), pictures)[0]
    kept = predict_detections(make_detector(keep=("fox",)), pictures)[0]
    assert set(kept.labels.tolist()) <= {2}
    assert len(kept) == (everything.labels == 2).sum()


def test_min_score_and_no_images():
    assert predict_detections(make_detector(), []) == []
    detector = make_detector(min_score=0.9999)
    assert len(predict_detections(detector, images((64, 64)))[0]) == 0


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


def test_resizing_keeps_proportions_and_never_passes_the_long_side():
    model = make_detector(short_side=360, long_side=640).model
    assert resize_for(model, np.zeros((1080, 1920, 3), np.uint8)).shape == (360, 640, 3)
    assert resize_for(model, np.zeros((360, 640, 3), np.uint8)).shape == (360, 640, 3)
    assert resize_for(model, np.zeros((100, 1000, 3), np.uint8)).shape == (64, 640, 3)


def test_unknown_detector_lists_the_known_ones():
    with pytest.raises(UsageError, match="maskrcnn_resnet50_fpn_v2"):
        build_detector("yolo", 4)


def test_a_body_that_starts_from_nothing_needs_live_norms():
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    live = build_detector("maskrcnn_resnet50_fpn", 2, frozen_norm=False)
    assert all(parameter.requires_grad for parameter in live.parameters())
    frozen = build_detector("maskrcnn_resnet50_fpn", 2)
    growth = []
    for model in (live, frozen):
        levels = model.backbone.body(image)
        growth.append(float((levels["3"].std() / levels["0"].std()).detach()))
    assert growth[0] < 1.5
    assert growth[1] > 10


@pytest.mark.parametrize(
    ("name", "millions"), [("maskrcnn_resnet50_fpn", 44.40), ("maskrcnn_resnet50_fpn_v2", 46.36)]
)
def test_resnet_detectors_have_the_published_number_of_parameters(name, millions):
    assert name in DETECTORS
    model = build_detector(name, 90)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)
