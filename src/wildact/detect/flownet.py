"""FlowNet-S: a plain encoder and decoder that sees two pictures and says what moved where.

Reference: Dosovitskiy et al. 2015, FlowNet: Learning Optical Flow with Convolutional Networks, section 3,
with biases in all layers; it is the flow network of Zhu et al. 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FLOW_UNIT_PX = 20.0
"""The network's 1 is so many pixels: FlowNet is trained on flows divided by it."""
MEAN = (0.45, 0.432, 0.411)
"""RGB in [0, 1], taken off the pictures."""
STRIDE = 64
# name, input channels, output channels, kernel, stride
ENCODER = (
    ("conv1", 6, 64, 7, 2),
    ("conv2", 64, 128, 5, 2),
    ("conv3", 128, 256, 5, 2),
    ("conv3_1", 256, 256, 3, 1),
    ("conv4", 256, 512, 3, 2),
    ("conv4_1", 512, 512, 3, 1),
    ("conv5", 512, 512, 3, 2),
    ("conv5_1", 512, 512, 3, 1),
    ("conv6", 512, 1024, 3, 2),
    ("conv6_1", 1024, 1024, 3, 1),
)
SKIPS = {5: "conv5_1", 4: "conv4_1", 3: "conv3_1", 2: "conv2"}
"""Level to the layer whose output joins the decoder there; level k has a 2**k-th of the resolution."""
# level, channels that come up from the level below, channels they become
DECODER = ((5, 1024, 512), (4, 1026, 256), (3, 770, 128), (2, 386, 64))
OUTPUT_CHANNELS = 194


class FlowNetS(nn.Module):
    """FlowNet-S; untrained, it says that nothing moves."""

    def __init__(self) -> None:
        super().__init__()
        for name, channels, out_channels, kernel, stride in ENCODER:
            conv = nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2)
            self.add_module(name, nn.Sequential(conv, nn.LeakyReLU(0.1)))
        for level, channels, out_channels in DECODER:
            up = nn.ConvTranspose2d(channels, out_channels, 4, 2, 1)
            self.add_module(f"deconv{level}", nn.Sequential(up, nn.LeakyReLU(0.1)))
            self.add_module(f"predict_flow{level + 1}", nn.Conv2d(channels, 2, 3, 1, 1))
            self.add_module(f"upsampled_flow{level + 1}_to_{level}", nn.ConvTranspose2d(2, 2, 4, 2, 1))
        self.predict_flow2 = nn.Conv2d(OUTPUT_CHANNELS, 2, 3, 1, 1)
        nn.init.zeros_(self.predict_flow2.weight)
        nn.init.zeros_(self.predict_flow2.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, pair: Tensor) -> Tensor:
        """Flow from the first picture to the second.

        Args:
            pair: (N, 6, H, W) RGB of both, in [0, 1] less `MEAN`.

        Returns:
            (N, 2, H, W), in pixels.
        """
        height, width = pair.shape[-2:]
        x = F.pad(pair, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        outputs = {}
        for name, *_ in ENCODER:
            x = outputs[name] = getattr(self, name)(x)
        for level, *_ in DECODER:
            flow = getattr(self, f"predict_flow{level + 1}")(x)
            flow = getattr(self, f"upsampled_flow{level + 1}_to_{level}")(flow)
            x = torch.cat([outputs[SKIPS[level]], getattr(self, f"deconv{level}")(x), flow], dim=1)
        flow = FLOW_UNIT_PX * self.predict_flow2(x)
        return F.interpolate(flow, scale_factor=4, mode="bilinear", align_corners=False)[..., :height, :width]
