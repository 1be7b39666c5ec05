"""Mask R-CNN, by torchvision: the paper's ResNet-50 ones, and a small one for laptops.

Reference: He et al. 2017, Mask R-CNN; Schindler & Steinhage 2021, section 4.3.
"""

from __future__ import annotations

from functools import partial

from torch import nn
from torchvision.models import detection, resnet50
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from wildact.backbones import lite0


class Lite0Fpn(nn.Module):
    """EfficientNet-Lite0 with a feature pyramid: strides 4 (``"0"``) to 32 (``"3"``), ``"pool"`` (64)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = lite0.Lite0()
        self.fpn = FeaturePyramidNetwork(
            list(lite0.OUTPUT_CHANNELS), channels, extra_blocks=LastLevelMaxPool()
        )
        self.out_channels = channels

    def forward(self, x):  # type: ignore[no-untyped-def]
        """(N, 3, H, W) to a dict of five (N, channels, H / stride, W / stride)."""
        return self.fpn(self.body(x))


def build_maskrcnn_lite0_fpn(
    num_classes: int,
    *,
    channels: int = 64,
    short_side: int = 360,
    long_side: int = 640,
    max_animals: int = 30,
) -> MaskRCNN:
    """A Mask R-CNN that runs on a laptop: EfficientNet-Lite0, a narrow pyramid, small heads.

    Args:
        num_classes: with the background.
        channels: of the pyramid and the heads.
        short_side: pixels to which frames are resized ...
        long_side: ... unless their long side would pass this.
        max_animals: detections per frame.

    Returns:
        a torchvision ``MaskRCNN``: takes a list of (3, H, W) float RGB in [0, 1].
    """
    return MaskRCNN(
        Lite0Fpn(channels),
        num_classes=None,
        min_size=short_side,
        max_size=long_side,
        image_mean=list(lite0.MEAN),
        image_std=list(lite0.STD),
        rpn_anchor_generator=AnchorGenerator(
            sizes=((20,), (40,), (80,), (160,), (320,)), aspect_ratios=((0.5, 1.0, 2.0),) * 5
        ),
        rpn_pre_nms_top_n_train=1000,
        rpn_pre_nms_top_n_test=600,
        rpn_post_nms_top_n_train=500,
        rpn_post_nms_top_n_test=200,
        rpn_batch_size_per_image=128,
        box_head=TwoMLPHead(channels * 7 * 7, 512),
        box_predictor=detection.faster_rcnn.FastRCNNPredictor(512, num_classes),
        box_batch_size_per_image=64,
        box_detections_per_img=max_animals,
        mask_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2),
        mask_head=MaskRCNNHeads(channels, (channels,) * 3, dilation=1),
        mask_predictor=MaskRCNNPredictor(channels, channels, num_classes),
    )


def build_maskrcnn_resnet50_fpn(
    num_classes: int, *, short_side: int = 800, long_side: int = 1333, frozen_norm: bool = True
) -> MaskRCNN:
    """Torchvision's Mask R-CNN R50-FPN, by default as its COCO weights want it.

    Args:
        num_classes: with the background.
        short_side: pixels to which frames are resized ...
        long_side: ... unless their long side would pass this.
        frozen_norm: the body's batch norms keep the statistics of their weights, without epsilon. A training
            that starts from nothing needs False: what is frozen then norms nothing, and the loss overflows.
    """
    norm = partial(FrozenBatchNorm2d, eps=0.0) if frozen_norm else nn.BatchNorm2d
    body = resnet50(weights=None, norm_layer=norm)
    backbone = _resnet_fpn_extractor(body, trainable_layers=3 if frozen_norm else 5)
    return MaskRCNN(backbone, num_classes, min_size=short_side, max_size=long_side)


def build_maskrcnn_resnet50_fpn_v2(
    num_classes: int, *, short_side: int = 800, long_side: int = 1333
) -> MaskRCNN:
    """Torchvision's improved Mask R-CNN R50-FPN (v2), untrained.

    Args:
        num_classes: with the background.
        short_side: pixels to which frames are resized ...
        long_side: ... unless their long side would pass this.
    """
    return detection.maskrcnn_resnet50_fpn_v2(
        weights=None, weights_backbone=None, num_classes=num_classes, min_size=short_side, max_size=long_side
    )
