"""Mask R-CNN: the paper's ResNet-50 networks, and a small one for laptops.

`MaskRCNN.forward` is everything that ships: images of any size in, boxes in pixels of these images and
28 x 28 masks within the boxes out. `wildact.detect.torch_detector` only converts its output.

Training differs from torchvision's in two points. An object without a mask has losses for its class and its
box, and none for its mask. An ignore region (a crowd, an object that annotators found too difficult, the rest
of an incompletely labelled image) is neither an object nor background.

Reference: He et al. 2017, Mask R-CNN; Schindler & Steinhage 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import detection, resnet50
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss, project_masks_on_boxes
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, MultiScaleRoIAlign, box_iou
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from wildact.backbones import lite0

IGNORED_SHARE = 0.5
"""Share of an anchor or proposal that an ignore region must cover; as in COCO's evaluation."""

Targets = list[dict[str, Tensor]]


class ImageTransform(GeneralizedRCNNTransform):  # type: ignore[misc]  # torchvision has no types
    """Normalise and pad images; at inference, also resize them.

    Images are shrunk with antialiasing: torchvision's bilinear sampling loses small animals on 1080p frames.
    Training images come at the size at which the network is to see them.
    """

    def __init__(
        self,
        short_side: int,
        long_side: int,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        max_enlargement: float = float("inf"),
    ) -> None:
        """Set the sizes in pixels; ``max_enlargement`` limits the scale of small images."""
        super().__init__(short_side, long_side, list(mean), list(std))
        self.max_enlargement = max_enlargement

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, Any]:
        """Resize a (3, H, W) float image at inference; return its target unchanged."""
        if self.training:
            return image, target
        height, width = image.shape[-2:]
        short, long = sorted((height, width))
        scale = min(self.min_size[-1] / short, self.max_size / long, self.max_enlargement)
        if scale == 1:
            return image, target
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        image = F.interpolate(image[None], size, mode="bilinear", align_corners=False, antialias=scale < 1)[0]
        return image, target

    def postprocess(
        self,
        result: list[dict[str, Tensor]],
        image_shapes: Sequence[tuple[int, int]],
        original_image_sizes: Sequence[tuple[int, int]],
    ) -> list[dict[str, Tensor]]:
        """Scale boxes to pixels of the original images; masks stay 28 x 28 within their boxes."""
        return [
            {**found, "boxes": resize_boxes(found["boxes"], size, original)}
            for found, size, original in zip(result, image_shapes, original_image_sizes, strict=True)
        ]


class ProposalNetwork(RegionProposalNetwork):  # type: ignore[misc]
    """torchvision's region proposal network, with ignore regions."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: Targets
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Label anchors 1 (object), 0 (background) or -1 (not sampled), and match each with a box."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for boxes, label, target in zip(anchors, labels, targets, strict=True):
            label[(label == 0) & within_ignored(boxes, target)] = -1
        return labels, matched


class BoxAndMaskHeads(RoIHeads):  # type: ignore[misc]
    """torchvision's box and mask heads, for objects with and without masks.

    The mask predictor has one channel for each class, or a single one for all classes.
    """

    def forward(
        self,
        features: Mapping[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: Targets | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Classify proposals, refine their boxes, and segment what is found.

        Args:
            features: pyramid of N images.
            proposals: for each image (P, 4) float32 xyxy pixels of the resized image.
            image_shapes: height and width of the resized images.
            targets: see `MaskRCNN.forward`; while training.

        Returns:
            At inference for each image ``boxes`` (D, 4), ``labels`` (D,), ``scores`` (D,) and ``masks``
            (D, 1, 28, 28) probabilities, and no losses; while training an empty list, and the losses.
        """
        if targets is not None and self.training:
            return [], self._compute_losses(features, proposals, image_shapes, targets)
        logits, shifts = self._classify(features, proposals, image_shapes)
        boxes, scores, labels = self.postprocess_detections(logits, shifts, proposals, image_shapes)
        masks = self._segment(features, boxes, image_shapes, torch.cat(labels)).sigmoid()
        counts = [len(part) for part in boxes]
        found = zip(boxes, labels, scores, torch.split(masks[:, None], counts), strict=True)
        return [{"boxes": b, "labels": c, "scores": s, "masks": m} for b, c, s, m in found], {}

    def _classify(
        self, features: Mapping[str, Tensor], proposals: list[Tensor], shapes: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        logits, shifts = self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, shapes)))
        return logits, shifts

    def _segment(
        self,
        features: Mapping[str, Tensor],
        boxes: list[Tensor],
        shapes: list[tuple[int, int]],
        labels: Tensor,
    ) -> Tensor:
        """Return (D, 28, 28) logits of the boxes of all images."""
        logits: Tensor = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, shapes)))
        channels = labels if logits.shape[1] > 1 else torch.zeros_like(labels)
        return logits[torch.arange(len(labels), device=labels.device), channels]

    def _compute_losses(
        self,
        features: Mapping[str, Tensor],
        proposals: list[Tensor],
        shapes: list[tuple[int, int]],
        targets: Targets,
    ) -> dict[str, Tensor]:
        proposals = [
            boxes[~(within_ignored(boxes, target) & ~_overlaps_object(boxes, target))]
            for boxes, target in zip(proposals, targets, strict=True)
        ]
        proposals, matched, labels, shifts = self.select_training_samples(proposals, targets)
        logits, predicted_shifts = self._classify(features, proposals, shapes)
        if len(logits):
            loss_classifier, loss_box = fastrcnn_loss(logits, predicted_shifts, labels, shifts)
        else:  # ignore regions cover all proposals: torchvision's means of nothing would be nan
            loss_classifier, loss_box = logits.sum(), predicted_shifts.sum()
        has_mask = [target.get("has_mask", torch.ones_like(target["labels"]).bool()) for target in targets]
        chosen = [
            torch.where(of > 0)[0][has[index[of > 0]]]
            for of, index, has in zip(labels, matched, has_mask, strict=True)
        ]
        boxes = [box[rows] for box, rows in zip(proposals, chosen, strict=True)]
        classes = torch.cat([of[rows] for of, rows in zip(labels, chosen, strict=True)])
        logits = self._segment(features, boxes, shapes, classes)
        truth = [
            project_masks_on_boxes(target["masks"], box, index[rows], logits.shape[-1])
            for target, box, index, rows in zip(targets, boxes, matched, chosen, strict=True)
        ]
        # of no mask at all: a loss of 0 that still has gradients, which distributed training waits for
        losses = F.binary_cross_entropy_with_logits(logits, torch.cat(truth), reduction="sum")
        return {
            "loss_classifier": loss_classifier,
            "loss_box_reg": loss_box,
            "loss_mask": losses / max(1, logits.numel()),
        }


class MaskRCNN(nn.Module):
    """A Mask R-CNN whose ``forward`` is the whole network, as it is trained and as it ships.

    Attributes:
        transform: see `ImageTransform`.
        backbone: (N, 3, H, W) to a pyramid of features, a dict of (N, C, h, w).
        rpn: see `ProposalNetwork`.
        roi_heads: see `BoxAndMaskHeads`.
    """

    def __init__(
        self, transform: ImageTransform, backbone: nn.Module, rpn: ProposalNetwork, roi_heads: BoxAndMaskHeads
    ) -> None:
        super().__init__()
        self.transform, self.backbone, self.rpn, self.roi_heads = transform, backbone, rpn, roi_heads

    def forward(self, images: Sequence[Tensor], targets: Targets | None = None) -> Any:
        """Find objects, or compute the losses.

        Args:
            images: N of (3, H, W) float32 RGB in [0, 1], of any sizes.
            targets: while training, for each image: ``boxes`` (M, 4) float32 xyxy pixels; ``labels`` (M,)
                int64 from 1; ``masks`` (M, H, W) uint8; ``has_mask`` (M,) bool, where it is False the mask is
                not used (absent: all True); ``ignored`` (K, 4) float32 xyxy ignore regions (absent: none).

        Returns:
            At inference for each image a dict of ``boxes`` (D, 4) float32 xyxy pixels of that image,
            ``labels`` (D,) int64 from 1, ``scores`` (D,) float32 in [0, 1], and ``masks`` (D, 1, 28, 28)
            float32 probabilities within the boxes. While training a dict of losses.
        """
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, targets = self.transform(list(images), targets)
        features = self.backbone(batch.tensors.contiguous(memory_format=torch.channels_last))
        proposals, rpn_losses = self.rpn(batch, features, targets)
        found, losses = self.roi_heads(features, proposals, batch.image_sizes, targets)
        if self.training:
            return {**losses, **rpn_losses}
        return self.transform.postprocess(found, batch.image_sizes, sizes)


def within_ignored(boxes: Tensor, target: Mapping[str, Tensor]) -> Tensor:
    """Return (P,) bool: which of (P, 4) boxes an ignore region of the target covers by half."""
    ignored = target.get("ignored")
    if ignored is None or len(ignored) == 0:
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    low = torch.maximum(boxes[:, None, :2], ignored[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], ignored[None, :, 2:])
    covered = (high - low).clamp(min=0).prod(dim=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    return (covered >= IGNORED_SHARE * areas[:, None]).any(dim=1)


def _overlaps_object(boxes: Tensor, target: Mapping[str, Tensor]) -> Tensor:
    if len(target["boxes"]) == 0:
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    overlaps: Tensor = box_iou(boxes, target["boxes"])
    return overlaps.amax(dim=1) >= IGNORED_SHARE


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
    short_side: int = 384,
    long_side: int = 512,
    max_enlargement: float = 1.25,
    max_detections: int = 30,
) -> MaskRCNN:
    """Build a Mask R-CNN that runs on a laptop: EfficientNet-Lite0, a narrow pyramid, small heads.

    Its masks are class-agnostic: one mask per box, whatever its class. So classes whose training data has
    boxes only (people, vehicles) get masks, too.

    Args:
        num_classes: with the background.
        channels: of the pyramid and the heads.
        short_side: pixels to which frames are resized ...
        long_side: ... unless their long side would pass this ...
        max_enlargement: ... or they would be enlarged more than this.
        max_detections: per frame.
    """
    heads = _build_heads(
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(channels * 7 * 7, 512),
        box_predictor=FastRCNNPredictor(512, num_classes),
        mask_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2),
        mask_head=MaskRCNNHeads(channels, (channels,) * 3, dilation=1),
        mask_predictor=MaskRCNNPredictor(channels, channels, 1),
        batch_size_per_image=96,
        detections_per_img=max_detections,
    )
    anchors = AnchorGenerator(
        sizes=((20,), (40,), (80,), (160,), (320,)), aspect_ratios=((0.5, 1.0, 2.0),) * 5
    )
    rpn = _build_rpn(
        anchors,
        RPNHead(channels, 3),
        pre_nms={"training": 1000, "testing": 600},
        post_nms={"training": 500, "testing": 200},
        batch_size=128,
    )
    transform = ImageTransform(short_side, long_side, lite0.MEAN, lite0.STD, max_enlargement=max_enlargement)
    return MaskRCNN(transform, Lite0Fpn(channels), rpn, heads)


def _build_rpn(
    anchors: AnchorGenerator,
    head: nn.Module,
    *,
    pre_nms: dict[str, int],
    post_nms: dict[str, int],
    batch_size: int = 256,
) -> ProposalNetwork:
    """Build a proposal network with torchvision's thresholds."""
    return ProposalNetwork(
        anchors,
        head,
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=batch_size,
        positive_fraction=0.5,
        pre_nms_top_n=pre_nms,
        post_nms_top_n=post_nms,
        nms_thresh=0.7,
    )


def _build_heads(**settings: Any) -> BoxAndMaskHeads:
    """Build box and mask heads with torchvision's thresholds."""
    return BoxAndMaskHeads(
        **settings,
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=0.05,
        nms_thresh=0.5,
    )


def build_maskrcnn_resnet50_fpn(
    num_classes: int, *, short_side: int = 800, long_side: int = 1333, frozen_norm: bool = True
) -> MaskRCNN:
    """Build torchvision's Mask R-CNN R50-FPN, by default as its COCO weights want it.

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
    return _convert(detection.MaskRCNN(backbone, num_classes), short_side, long_side)


def build_maskrcnn_resnet50_fpn_v2(
    num_classes: int, *, short_side: int = 800, long_side: int = 1333
) -> MaskRCNN:
    """Build torchvision's improved Mask R-CNN R50-FPN (v2), untrained.

    Args:
        num_classes: with the background.
        short_side: pixels to which frames are resized ...
        long_side: ... unless their long side would pass this.
    """
    model = detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=num_classes)
    return _convert(model, short_side, long_side)


def _convert(model: Any, short_side: int, long_side: int) -> MaskRCNN:
    """Take torchvision's layers and defaults into a `MaskRCNN`; parameter names stay the same."""
    layers = ("box_roi_pool", "box_head", "box_predictor", "mask_roi_pool", "mask_head", "mask_predictor")
    heads = _build_heads(
        **{name: getattr(model.roi_heads, name) for name in layers},
        batch_size_per_image=512,
        detections_per_img=100,
    )
    rpn = _build_rpn(
        model.rpn.anchor_generator,
        model.rpn.head,
        pre_nms={"training": 2000, "testing": 1000},
        post_nms={"training": 2000, "testing": 1000},
    )
    mean, std = model.transform.image_mean, model.transform.image_std
    return MaskRCNN(ImageTransform(short_side, long_side, mean, std), model.backbone, rpn, heads)
