"""Video files to frames and back: exact times, upright images, and in plain words what is wrong."""

from wildact.decode.light import LightSampler, classify_light
from wildact.decode.probe import probe_video
from wildact.decode.reader import VideoReader
from wildact.decode.still import is_still
from wildact.decode.writer import VideoWriter

__all__ = ["LightSampler", "VideoReader", "VideoWriter", "classify_light", "is_still", "probe_video"]
