"""Write the native format: ``annotations.json`` and ``actions.csv`` (docs/data-format.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wildact.datasets.bouts import boxed_actions, kept_actions
from wildact.datasets.dataset import Dataset
from wildact.errors import OutputError
from wildact.export.atomic import replacing_folder
from wildact.export.youtube_vis import save_data_set


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a data set's annotations (not its videos) into a folder, made where missing.

    Each video keeps its name: where ``dataset.root`` holds it, ``folder`` is to hold it. Of actions of one
    animal that overlap, the earlier is written.

    Raises:
        OutputError: if the folder cannot be written to, or a video's frame rate, size or length is unknown.
    """
    for video in dataset.videos:
        info = video.info
        if info.fps <= 0 or info.width <= 0 or info.height <= 0 or info.frames is None:
            raise OutputError(
                f"{info.path}: frame rate, frame size or number of frames are unknown, and the native format "
                "needs them; wildact convert takes them from the videos (--videos), or --fps and --size."
            )
    with replacing_folder(folder) as temporary:
        videos = [
            replace(
                video,
                info=replace(video.info, path=temporary / video.info.path.relative_to(dataset.root)),
                actions=kept_actions(boxed_actions(video)),
            )
            for video in dataset.videos
        ]
        save_data_set(
            temporary, videos, categories=dataset.species, actions=dataset.actions, info=dict(dataset.facts)
        )
