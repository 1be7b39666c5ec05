"""Run the pipeline over many videos: in worker processes, resumable, one bad video never stops the rest."""

from wildact.runner.batch import BatchResult, run_batch
from wildact.runner.events import Event, Failed, Finished, Progressed, Skipped, Started
from wildact.runner.inputs import VideoInput, find_videos

__all__ = [
    "BatchResult",
    "Event",
    "Failed",
    "Finished",
    "Progressed",
    "Skipped",
    "Started",
    "VideoInput",
    "find_videos",
    "run_batch",
]
