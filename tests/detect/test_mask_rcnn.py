import pytest
import torch
from torchvision.models import detection

from wildact.detect import DETECTORS, build_detector
from wildact.detect.mask_rcnn import within_ignored
from wildact.errors import UsageError


def resized(name, size, **architecture):
    with torch.device("meta"):
        model = build_detector(name, 3, **architecture).eval()
        image, _ = model.transform.resize(torch.empty(3, *size))
    return tuple(image.shape[1:])


@pytest.mark.parametrize("name", [name for name in DETECTORS if "resnet50" in name])
def test_the_paper_s_networks_work_at_any_size_and_at_torchvision_s_by_default(name):
    assert resized(name, (360, 640)) == (750, 1333)
    assert resized(name, (360, 640), short_side=180, long_side=320) == (180, 320)


def test_resizing_keeps_proportions_and_never_passes_the_long_side():
    sizes = {"short_side": 360, "long_side": 640, "max_enlargement": 1.5}
    for size, expected in [
        ((1080, 1920), (360, 640)),
        ((360, 640), (360, 640)),
        ((100, 1000), (64, 640)),
        ((60, 80), (90, 120)),
    ]:
        assert resized("maskrcnn_lite0_fpn", size, **sizes) == expected


def test_training_images_are_not_resized():
    model = build_detector("maskrcnn_lite0_fpn", 3, channels=8).train()
    image, _ = model.transform.resize(torch.zeros(3, 1000, 1500))
    assert image.shape == (3, 1000, 1500)


def test_shrinking_keeps_what_is_smaller_than_a_pixel():
    model = build_detector("maskrcnn_lite0_fpn", 3, channels=8, short_side=64, long_side=64).eval()
    image = torch.zeros(3, 512, 512)
    image[:, ::8] = 1.0  # lines that bilinear sampling steps over, or hits alone
    small, _ = model.transform.resize(image)
    assert small[:, 8:-8, 8:-8].std() < 0.02
    assert small.mean() == pytest.approx(1 / 8, abs=0.01)


@pytest.fixture(scope="module")
def both():
    """Ours and torchvision's with the same weights; in double precision, so that no two boxes swap places."""
    torch.manual_seed(0)
    theirs = detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=4, min_size=96, max_size=128
    )
    ours = build_detector("maskrcnn_resnet50_fpn", 3, short_side=96, long_side=128, frozen_norm=False)
    ours.load_state_dict(theirs.state_dict())
    for model in (ours, theirs):
        model.double().roi_heads.score_thresh = 0.0
    theirs.transform._skip_resize = True  # it draws a size, and all that is drawn after it would differ
    return ours, theirs


def draw_image(seed):
    return torch.rand(3, 96, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_losses_are_torchvision_s_where_every_object_has_a_mask(both):
    ours, theirs = (model.train() for model in both)
    images = [draw_image(k) for k in range(2)]
    masks = torch.zeros(2, 96, 128, dtype=torch.uint8)
    masks[0, 10:60, 20:70] = masks[1, 40:90, 60:120] = 1
    boxes = torch.tensor([[20.0, 10, 70, 60], [60, 40, 120, 90]])
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 3]), "masks": masks}] * 2
    torch.manual_seed(1)
    expected = theirs(images, targets)
    torch.manual_seed(1)
    for key, value in ours(images, targets).items():
        torch.testing.assert_close(value, expected[key])


def test_boxes_are_torchvision_s(both):
    ours, theirs = (model.eval() for model in both)
    with torch.inference_mode():
        (own,), (expected,) = ours([draw_image(0)]), theirs([draw_image(0)])
    torch.testing.assert_close(own["boxes"], expected["boxes"])
    torch.testing.assert_close(own["scores"], expected["scores"])
    assert own["masks"].shape == (len(own["boxes"]), 1, 28, 28)


def test_an_ignore_region_covers_boxes_that_lie_in_it_by_half():
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [6, 0, 16, 10], [50, 50, 60, 60]])
    target = {"ignored": torch.tensor([[0.0, 0, 10, 10]])}
    assert within_ignored(boxes, target).tolist() == [True, True, False, False]
    assert not within_ignored(boxes, {}).any()


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
    model = build_detector(name, 90)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)
