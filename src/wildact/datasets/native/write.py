"""Write the native format: ``annotations.json`` and ``actions.csv`` (docs/data-format.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wildact.atomic import replacing_folder
from wildact.datasets.bouts import boxed_actions, kept_actions
from wildact.datasets.dataset import Dataset
from wildact.errors import OutputError
from wildact.export.youtube_vis import save_data_set
from wildact.types import VideoInfo


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a data set's annotations (not its videos) into a folder, made where missing.

    Each video keeps its name: where ``dataset.root`` holds it, ``folder`` is to hold it. Of actions of one
    animal that overlap, the earlier is written.

    Raises:
        OutputError: if the folder cannot be written to, or a video's frame rate, size or length is unknown.
    """
    for video in dataset.videos:
        if unknown := _list_unknown(video.info):
            raise OutputError(
                f"{video.info.path}: the native format needs what is unknown here: {', '.join(unknown)}; give"
                " the videos (--videos), or rate and size (--fps, --size)."
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
            temporary,
            videos,
            categories=dataset.species,
            actions=dataset.actions,
            info=dict(dataset.facts),
            supercategories=dataset.supercategories,
        )


def _list_unknown(info: VideoInfo) -> list[str]:
    known = {
        "frame rate": info.fps > 0,
        "frame size": info.width > 0 and info.height > 0,
        "number of frames": info.frames is not None,
    }
    return [fact for fact, is_known in known.items() if not is_known]
