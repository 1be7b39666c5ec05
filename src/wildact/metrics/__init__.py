"""How good results are, by the field's own measures: detection, tracking, recognition.

Arrays and the types of :mod:`wildact.types` in, plain dataclasses out. A measure that has no meaning, such
as precision where there is no truth, is ``nan``; where there is truth and nothing was found it is 0.
"""

from wildact.metrics.detection import DetectionScores, compute_detection_ap
from wildact.metrics.recognition import (
    ActionSeconds,
    ClassScores,
    compute_action_seconds,
    compute_class_scores,
    compute_top_k,
)
from wildact.metrics.tracking import TrackingScores, TrackMatch, compute_tracking_scores, match_tracks

__all__ = [
    "ActionSeconds",
    "ClassScores",
    "DetectionScores",
    "TrackMatch",
    "TrackingScores",
    "compute_action_seconds",
    "compute_class_scores",
    "compute_detection_ap",
    "compute_top_k",
    "compute_tracking_scores",
    "match_tracks",
]
