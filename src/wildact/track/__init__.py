"""Follow animals through a video: detections of single frames to tracks."""

from wildact.track.tracker import TrackerSettings, track_detections

__all__ = ["TrackerSettings", "track_detections"]
