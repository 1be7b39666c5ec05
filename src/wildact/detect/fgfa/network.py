"""The network of FGFA: a Mask R-CNN whose features are averaged over frames before anything is looked for.

Backbone, RPN and heads are those of a Mask R-CNN, with its parameter names, so that its weights are a start.
What is added is the flow (`wildact.detect.fgfa.flow`) and the embedding that says how much each frame counts
at each place. `docs/fgfa.md` says where this departs from the public implementations.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.image_list import ImageList

from wildact.detect.fgfa.flow import FLOWS, Flow
from wildact.detect.fgfa.warp import aggregate_maps, resize_flow
from wildact.detect.mask_rcnn import build_maskrcnn_lite0_fpn, build_maskrcnn_resnet50_fpn
from wildact.errors import UsageError

LEVELS = ("0", "1", "2", "3")
"""Levels of the pyramid that are aggregated; ``pool`` is made of the last one."""

SHARED = ("backbone", "rpn", "roi_heads")
"""Parts with weights that FGFA has in common with the Mask R-CNN that it is built from."""


class Embedding(nn.Module):
    """What of a place is compared between frames: three convolutions, less their mean over the frame.

    The convolutions are those of Zhu et al. 2017, section 4.2, but narrow; all levels share them. The mean
    goes since it is alike everywhere, and would make all places similar.
    """

    def __init__(self, channels: int, out_channels: int, sharpness: float) -> None:
        """Untrained convolutions.

        Args:
            channels: C, of the pyramid.
            out_channels: E.
            sharpness: by which cosines are multiplied before the softmax over frames; learned from there. At
                1, as in Zhu et al., a frame that fits counts at most e^2 times as much as one that does not.
        """
        super().__init__()
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
        """Embed (N, C, H, W) as (N, E, H, W), of a length over E of which the sharpness is the square."""
        embedded = self.layers(features)
        embedded = embedded - embedded.mean(dim=(2, 3), keepdim=True)
        return F.normalize(embedded, dim=1) * self.length


class Encoded(NamedTuple):
    """What is computed once of each frame, for N frames.

    Attributes:
        features: pyramid, (N, C, H, W) each.
        embeddings: of each of `LEVELS`, (N, E, H, W).
        pictures: (N, ...) of `Flow.prepare`.
        shape: height and width of the padded images.
    """

    features: Mapping[str, Tensor]
    embeddings: Mapping[str, Tensor]
    pictures: Tensor
    shape: tuple[int, int]


class FlowGuidedMaskRCNN(nn.Module):
    """A Mask R-CNN that looks at a frame with the help of others.

    Attributes:
        transform, backbone, rpn, roi_heads: of the Mask R-CNN, which they are without other frames.
        embedding: see `Embedding`.
        flow: one of `FLOWS`.
    """

    def __init__(self, mask_rcnn: Any, embedding: Embedding, flow: Flow) -> None:
        super().__init__()
        self.transform = mask_rcnn.transform
        self.backbone, self.rpn, self.roi_heads = mask_rcnn.backbone, mask_rcnn.rpn, mask_rcnn.roi_heads
        self.embedding = embedding
        self.flow = flow

    def forward(self, windows: Sequence[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Compute the losses, or find the animals, of the first frame of each window.

        Args:
            windows: N of (T, 3, h, w) float RGB in [0, 1], scaled as the network is to see them; the first of
                the T frames is the current one, the others help it.
            targets: torchvision's targets of the current frames, while training.

        Returns:
            While training a dict of losses, else for each window torchvision's dict of boxes, labels, scores
            and masks, in pixels of the window.
        """
        current, *others = (self.encode(list(frames)) for frames in zip(*windows, strict=True))
        features = self.aggregate(current, others, [self.find_flow(current, other) for other in others])
        sizes = [(int(window.shape[2]), int(window.shape[3])) for window in windows]
        found, losses = self.detect(features, current.shape, sizes, targets)
        return losses if self.training else self.transform.postprocess(found, sizes, sizes)

    def encode(self, images: Sequence[Tensor]) -> Encoded:
        """Compute what is needed of each frame.

        Args:
            images: N of (3, h, w) float RGB in [0, 1], scaled as the network is to see them.
        """
        batch = self.transform.batch_images([self.transform.normalize(image) for image in images])
        height, width = (int(side) for side in batch.shape[-2:])
        features = self.backbone(batch.contiguous(memory_format=torch.channels_last))
        padded = [
            F.pad(image[None], (0, width - image.shape[2], 0, height - image.shape[1]), mode="replicate")
            for image in images
        ]
        return Encoded(
            features,
            {name: self.embedding(features[name]) for name in LEVELS},
            self.flow.prepare(torch.cat(padded)),
            (height, width),
        )

    def find_flow(self, current: Encoded, other: Encoded) -> Tensor:
        """Find the flow from frames to others: (N, 2, H, W), in cells of the finest level."""
        finest = current.features[LEVELS[0]]
        flow: Tensor = self.flow(current.pictures, other.pictures)
        return resize_flow(flow.to(finest.device), (int(finest.shape[2]), int(finest.shape[3])))

    def aggregate(
        self, current: Encoded, others: Sequence[Encoded], flows: Sequence[Tensor]
    ) -> OrderedDict[str, Tensor]:
        """Average the features of frames with those of others, at the places of the former.

        Args:
            current: N frames.
            others: T - 1 times N frames that help these.
            flows: T - 1 of (N, 2, H, W) from the current frames to the others, in cells of the finest level.

        Returns:
            The pyramid of the N frames.
        """
        if not others:
            return OrderedDict(current.features)
        aggregated: OrderedDict[str, Tensor] = OrderedDict()
        for name in LEVELS:
            maps = current.features[name]
            flows = [resize_flow(flow, (int(maps.shape[2]), int(maps.shape[3]))) for flow in flows]
            aggregated[name] = aggregate_maps(
                [maps, *(other.features[name] for other in others)],
                [current.embeddings[name], *(other.embeddings[name] for other in others)],
                flows,
            )
        aggregated["pool"] = F.max_pool2d(aggregated[LEVELS[-1]], kernel_size=1, stride=2)
        return aggregated

    def detect(
        self,
        features: Mapping[str, Tensor],
        shape: tuple[int, int],
        sizes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Find the animals in N pyramids, or compute the losses.

        Args:
            features: pyramid of N images.
            shape: height and width of the padded images.
            sizes: height and width of each image within them.
            targets: while training.

        Returns:
            What torchvision's heads give: results in pixels of the images, and the losses.
        """
        images = ImageList(torch.empty((len(sizes), 3, *shape), device="meta"), sizes)
        proposals, rpn_losses = self.rpn(images, features, targets)
        found, losses = self.roi_heads(features, proposals, sizes, targets)
        return found, {**losses, **rpn_losses}


def build_fgfa_maskrcnn_lite0_fpn(
    num_classes: int,
    *,
    flow: str = "dis",
    flow_scale: float = 0.5,
    embedding_channels: int = 16,
    sharpness: float = 5.0,
    **mask_rcnn: Any,
) -> FlowGuidedMaskRCNN:
    """Build FGFA on the small Mask R-CNN, for laptops.

    Args:
        num_classes: with the background.
        flow: a key of `FLOWS`.
        flow_scale: side of what the flow is found on, as a share of what the backbone sees.
        embedding_channels: E, see `Embedding`.
        sharpness: see `Embedding`.
        **mask_rcnn: of `build_maskrcnn_lite0_fpn`.
    """
    model = build_maskrcnn_lite0_fpn(num_classes, **mask_rcnn)
    return _build(model, flow, flow_scale, embedding_channels, sharpness)


def build_fgfa_maskrcnn_resnet50_fpn(
    num_classes: int,
    *,
    flow: str = "raft_small",
    flow_scale: float = 0.25,
    embedding_channels: int = 64,
    sharpness: float = 5.0,
    **mask_rcnn: Any,
) -> FlowGuidedMaskRCNN:
    """Build FGFA on torchvision's Mask R-CNN R50-FPN; arguments as of `build_fgfa_maskrcnn_lite0_fpn`."""
    model = build_maskrcnn_resnet50_fpn(num_classes, **mask_rcnn)
    return _build(model, flow, flow_scale, embedding_channels, sharpness)


def _build(
    mask_rcnn: Any, flow: str, flow_scale: float, embedding_channels: int, sharpness: float
) -> FlowGuidedMaskRCNN:
    if flow not in FLOWS:
        raise UsageError(f"there is no flow '{flow}'; there are: {', '.join(FLOWS)}.")
    if not 0 < flow_scale <= 1:
        raise UsageError(f"flow_scale must be more than 0 and at most 1, not {flow_scale:g}.")
    if sharpness <= 0:
        raise UsageError(f"sharpness must be more than 0, not {sharpness:g}.")
    embedding = Embedding(mask_rcnn.backbone.out_channels, embedding_channels, sharpness)
    return FlowGuidedMaskRCNN(mask_rcnn, embedding, FLOWS[flow](flow_scale))
