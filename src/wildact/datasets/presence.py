"""See that the videos of a data set are there, before hours are spent on the first of them."""

from __future__ import annotations

from wildact.datasets.dataset import Dataset
from wildact.decode import probe_video
from wildact.errors import DatasetError, VideoError
from wildact.types import LabelledVideo

_SHOWN = 5


def require_videos(dataset: Dataset) -> None:
    """Open every video, and decode its first frame.

    Raises:
        DatasetError: if videos are missing, cannot be opened, or are of another size than their labels.
    """
    problems = [problem for video in dataset.videos if (problem := _find_problem(video))]
    if problems:
        shown = "; ".join(problems[:_SHOWN]) + ("; ..." if len(problems) > _SHOWN else "")
        raise DatasetError(
            f"{dataset.root}: {len(problems)} of {len(dataset.videos)} videos cannot be used: {shown}."
        )


def _find_problem(video: LabelledVideo) -> str:
    labelled = video.info
    try:
        found = probe_video(labelled.path)
    except VideoError as error:
        return str(error).rstrip(".")
    if labelled.width > 0 and (found.width, found.height) != (labelled.width, labelled.height):
        sizes = f"{found.width}x{found.height}, its labels are of {labelled.width}x{labelled.height}"
        return f"{labelled.path} is {sizes}"
    return ""
