"""Pretrained feature extractors that detectors and action networks are built on."""

from wildact.backbones.lite0 import Lite0, load_imagenet_package

__all__ = ["Lite0", "load_imagenet_package"]
