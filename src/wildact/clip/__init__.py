"""Clips: which moments of a track the recogniser sees (``sample``), and their crops (``crop``).

``still`` cuts the single pictures by which an animal is named. Training and inference both call these
functions, so that a network sees at work what it saw in training.
"""

from wildact.clip.crop import (
    ClipPlan,
    clip_squares,
    crop_region,
    cut_clips,
    frames_needed,
    plan_clips,
    plan_clips_at,
    smooth_boxes,
)
from wildact.clip.sample import sample_frames, sample_windows
from wildact.clip.still import StillCutter, StillPlan, crop_box, plan_stills

__all__ = [
    "ClipPlan",
    "StillCutter",
    "StillPlan",
    "clip_squares",
    "crop_box",
    "crop_region",
    "cut_clips",
    "frames_needed",
    "plan_clips",
    "plan_clips_at",
    "plan_stills",
    "sample_frames",
    "sample_windows",
    "smooth_boxes",
]
