"""Flow-guided feature aggregation (FGFA): a Mask R-CNN that looks at a frame with the help of its neighbours.

Reference: Zhu et al. 2017, Flow-Guided Feature Aggregation for Video Object Detection; Schindler & Steinhage
2021, section 4.3, which builds it from a Mask R-CNN.
"""

from wildact.detect.fgfa.initial import PREFIX, find_initial_flow, load_video_weights
from wildact.detect.fgfa.network import (
    FlowGuidedMaskRCNN,
    build_fgfa_maskrcnn_lite0_fpn,
    build_fgfa_maskrcnn_resnet50_fpn,
)
from wildact.detect.fgfa.stream import FeatureWindow, FlowGuidedDetector, WindowSettings

__all__ = [
    "PREFIX",
    "FeatureWindow",
    "FlowGuidedDetector",
    "FlowGuidedMaskRCNN",
    "WindowSettings",
    "build_fgfa_maskrcnn_lite0_fpn",
    "build_fgfa_maskrcnn_resnet50_fpn",
    "find_initial_flow",
    "load_video_weights",
]
