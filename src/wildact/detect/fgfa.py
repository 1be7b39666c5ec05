"""Flow-guided feature aggregation on top of Mask R-CNN: frames that help each other.

Backbone, RPN and heads are those of a Mask R-CNN, with its parameter names, so that its weights are a start.
What is added is the flow (`wildact.detect.flow`) and the embedding that says how much each frame counts at
each place.

Reference: Zhu et al. 2017, Flow-Guided Feature Aggregation for Video Object Detection; Schindler & Steinhage
2021, section 4.3, which builds it from this Mask R-CNN.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNN

from wildact.detect.aggregate import aggregate_maps
from wildact.detect.cells import LEVELS, map_size, subsample
from wildact.detect.flow import FLOWS, Flow
from wildact.detect.mask_rcnn import build_maskrcnn_lite0_fpn, build_maskrcnn_resnet50_fpn
from wildact.detect.warp import resize_flow, resize_to_levels
from wildact.errors import UsageError

SHARED = ("backbone", "rpn", "roi_heads")
"""Parts with weights that FGFA has in common with the Mask R-CNN that it is built from."""


class Embedding(nn.Module):
    """What of a place is compared between frames: three convolutions, less their mean over the frame.

    The convolutions are those of Zhu et al. 2017, section 4.2, but narrow, as they are compared at each place
    with each frame of a window; all levels share them. The mean goes since it is alike everywhere, and would
    make all places similar.
    """

    def __init__(self, channels: int, out_channels: int, sharpness: float) -> None:
        """Untrained convolutions.

        Args:
            channels: C, of the pyramid.
            out_channels: E.
            sharpness: by which cosines are multiplied before the softmax over frames; learned from there. At
                1, as in Zhu et al., a frame that fits cannot count more than e^2 times as much as one that
                does not: with twenty others that do not fit, the current frame itself would count little more
                than a quarter.
        """
        super().__init__()
        self.out_channels = out_channels
        inner = channels // 4
        self.layers = nn.Sequential(
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(inner, out_channels, 1),
        )
        self.length = nn.Parameter(torch.tensor(math.sqrt(sharpness)))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, E, H, W), of a length over E of which the sharpness is the square."""
        embedded = self.layers(features)
        embedded = embedded - embedded.mean(dim=(2, 3), keepdim=True)
        return F.normalize(embedded, dim=1) * self.length


class FlowGuidedMaskRCNN(nn.Module):
    """A Mask R-CNN that looks at a frame with the help of others.

    Attributes:
        transform, backbone, rpn, roi_heads: of the Mask R-CNN, which they are without other frames.
        embedding: see `Embedding`.
        flow: one of `FLOWS`.
    """

    def __init__(self, mask_rcnn: MaskRCNN, embedding: Embedding, flow: Flow) -> None:
        super().__init__()
        self.transform = mask_rcnn.transform
        self.backbone, self.rpn, self.roi_heads = mask_rcnn.backbone, mask_rcnn.rpn, mask_rcnn.roi_heads
        self.embedding = embedding
        self.flow = flow

    def train(self, mode: bool = True) -> FlowGuidedMaskRCNN:
        """As for any module, but a frozen flow network keeps the statistics that it was trained with."""
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.flow.parameters()):
            self.flow.eval()
        return self

    def embed(self, features: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
        """The embedding of each aggregated level, (N, E, H, W)."""
        return OrderedDict((name, self.embedding(features[name])) for name in LEVELS)

    def prepare_flow(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """What is kept of frames to find flow from it.

        Args:
            images: (N, 3, h, w) RGB in [0, 1].
            size: height and width that the backbone sees them in, padded to the right and below.
        """
        padding = (0, size[1] - images.shape[3], 0, size[0] - images.shape[2])
        prepared: Tensor = self.flow.prepare(F.pad(images, padding, mode="replicate"))
        return prepared

    def find_flow(self, current: Tensor, other: Tensor, size: tuple[int, int]) -> Tensor:
        """Flow from frames to others.

        Args:
            current: (N, ...) of `prepare_flow`.
            other: (N, ...) of `prepare_flow`.
            size: height and width of the finest level.

        Returns:
            (N, 2, height, width), in cells of the finest level.
        """
        flow: Tensor = self.flow(current, other)
        return resize_flow(flow.to(self.device), size)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.embedding.parameters()).device

    def forward(self, windows: Sequence[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Losses, or what is found, of the first frame of each window.

        Args:
            windows: N of (T, 3, h, w) float RGB in [0, 1], scaled as the network is to see them; the first of
                the T frames is the current one, the others help it.
            targets: torchvision's targets of the current frames, while training.

        Returns:
            While training a dict of losses, else for each window torchvision's dict of boxes, labels, scores
            and masks, in pixels of the window.
        """
        count = len(windows[0])
        frames = [frame for window in windows for frame in window]
        batch = self.transform.batch_images([self.transform.normalize(frame) for frame in frames])
        features = self.backbone(batch)
        if count > 1:
            flow = self._window_flow(windows, map_size(batch), map_size(features[LEVELS[0]]))
            features = self._aggregate(features, flow, count)
        sizes = [(int(window.shape[2]), int(window.shape[3])) for window in windows]
        images = ImageList(batch[::count], sizes)
        proposals, rpn_losses = self.rpn(images, features, targets)
        found, losses = self.roi_heads(features, proposals, sizes, targets)
        if self.training:
            return {**losses, **rpn_losses}
        return self.transform.postprocess(found, sizes, sizes)

    def _window_flow(
        self, windows: Sequence[Tensor], padded: tuple[int, int], size: tuple[int, int]
    ) -> Tensor:
        """(N, T - 1, 2, H, W) from the current frame of each window to each of the others."""
        prepared = [self.prepare_flow(window, padded) for window in windows]
        current = torch.cat([x[:1].expand(len(x) - 1, -1, -1, -1) for x in prepared])
        other = torch.cat([x[1:] for x in prepared])
        flow = self.find_flow(current, other, size)
        return flow.view(len(windows), -1, *flow.shape[1:])

    def _aggregate(
        self, features: Mapping[str, Tensor], flow: Tensor, count: int
    ) -> OrderedDict[str, Tensor]:
        embeddings = self.embed(features)
        flows = resize_to_levels(flow.flatten(0, 1), [map_size(features[name]) for name in LEVELS])
        aggregated: OrderedDict[str, Tensor] = OrderedDict()
        for name, level_flow in zip(LEVELS, flows, strict=True):
            values, keys = features[name], embeddings[name]
            aggregated[name] = aggregate_maps(
                values.reshape(-1, count, *values.shape[1:]),
                keys.reshape(-1, count, *keys.shape[1:]),
                level_flow.reshape(-1, count - 1, *level_flow.shape[1:]),
            )
        aggregated["pool"] = subsample(aggregated[LEVELS[-1]])
        return aggregated


def build_fgfa_maskrcnn_lite0_fpn(
    num_classes: int,
    *,
    flow: str = "dis",
    flow_scale: float = 0.5,
    embedding_channels: int = 16,
    sharpness: float = 5.0,
    **mask_rcnn: Any,
) -> FlowGuidedMaskRCNN:
    """FGFA on the small Mask R-CNN, for laptops.

    Args:
        num_classes: with the background.
        flow: a key of `FLOWS`.
        flow_scale: side of what the flow is found on, as a share of what the backbone sees.
        embedding_channels: E, see `Embedding`.
        sharpness: see `Embedding`.
        **mask_rcnn: of `build_maskrcnn_lite0_fpn`.
    """
    mask_rcnn_ = build_maskrcnn_lite0_fpn(num_classes, **mask_rcnn)
    return _build(mask_rcnn_, flow, flow_scale, embedding_channels, sharpness)


def build_fgfa_maskrcnn_resnet50_fpn(
    num_classes: int,
    *,
    flow: str = "raft_small",
    flow_scale: float = 0.25,
    embedding_channels: int = 64,
    sharpness: float = 5.0,
    **mask_rcnn: Any,
) -> FlowGuidedMaskRCNN:
    """FGFA on torchvision's Mask R-CNN R50-FPN.

    Args:
        num_classes: with the background.
        flow: a key of `FLOWS`.
        flow_scale: side of what the flow is found on, as a share of what the backbone sees.
        embedding_channels: E, see `Embedding`.
        sharpness: see `Embedding`.
        **mask_rcnn: of `build_maskrcnn_resnet50_fpn`.
    """
    mask_rcnn_ = build_maskrcnn_resnet50_fpn(num_classes, **mask_rcnn)
    return _build(mask_rcnn_, flow, flow_scale, embedding_channels, sharpness)


def _build(
    mask_rcnn: MaskRCNN, flow: str, flow_scale: float, embedding_channels: int, sharpness: float
) -> FlowGuidedMaskRCNN:
    if flow not in FLOWS:
        raise UsageError(f"there is no flow '{flow}'; there are: {', '.join(FLOWS)}.")
    if not 0 < flow_scale <= 1:
        raise UsageError(f"flow_scale must be more than 0 and at most 1, not {flow_scale:g}.")
    if sharpness <= 0:
        raise UsageError(f"sharpness must be more than 0, not {sharpness:g}.")
    embedding = Embedding(mask_rcnn.backbone.out_channels, embedding_channels, sharpness)
    return FlowGuidedMaskRCNN(mask_rcnn, embedding, FLOWS[flow](flow_scale))
