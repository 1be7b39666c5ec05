"""How good results are, by the field's own measures: detection, tracking, recognition, and all at once.

Arrays and the types of :mod:`wildact.types` in, plain dataclasses out. A measure that has no meaning, such
as precision where there is no truth, is ``nan``; where there is truth and nothing was found it is 0.

Each measure comes in two steps: ``match_`` and ``count_`` compare one video with its truth, ``pool_`` makes
figures of many videos, weighted as a resample of `draw_resamples` asks.
"""

from wildact.metrics.bootstrap import draw_resamples, percentile_interval
from wildact.metrics.detection import (
    IOU_THRESHOLDS,
    SIZES,
    DetectionScores,
    compute_detection_ap,
    match_detections,
    pool_detection,
)
from wildact.metrics.motion import SPEEDS, classify_speeds, compute_motion_iou
from wildact.metrics.pooling import RECALLS, Matches, mean_known, precision_at_recalls
from wildact.metrics.recognition import (
    ActionSeconds,
    ClassScores,
    choose_min_probability,
    compute_action_seconds,
    compute_actions_in_place,
    compute_class_rates,
    compute_class_scores,
    compute_top_k,
    tabulate_answers,
)
from wildact.metrics.tracking import (
    TrackingCounts,
    TrackingScores,
    TrackMatch,
    build_tracking_metrics,
    compute_tracking_scores,
    count_tracking,
    match_tracks,
    pool_tracking,
    within_crowds,
)
from wildact.metrics.tubes import (
    match_action_frames,
    match_tubes,
    pool_action_detection,
    predicted_tubes,
    true_tubes,
)

__all__ = [
    "IOU_THRESHOLDS",
    "RECALLS",
    "SIZES",
    "SPEEDS",
    "ActionSeconds",
    "ClassScores",
    "DetectionScores",
    "Matches",
    "TrackMatch",
    "TrackingCounts",
    "TrackingScores",
    "build_tracking_metrics",
    "choose_min_probability",
    "classify_speeds",
    "compute_action_seconds",
    "compute_actions_in_place",
    "compute_class_rates",
    "compute_class_scores",
    "compute_detection_ap",
    "compute_motion_iou",
    "compute_top_k",
    "compute_tracking_scores",
    "count_tracking",
    "draw_resamples",
    "match_action_frames",
    "match_detections",
    "match_tracks",
    "match_tubes",
    "mean_known",
    "percentile_interval",
    "pool_action_detection",
    "pool_detection",
    "pool_tracking",
    "precision_at_recalls",
    "predicted_tubes",
    "tabulate_answers",
    "true_tubes",
    "within_crowds",
]
