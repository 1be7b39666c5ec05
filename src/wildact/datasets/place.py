"""Put videos where a new data set says that they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from wildact.errors import DatasetError, OutputError


def place_video(source: Path, target: Path, *, link: bool, copy: bool) -> None:
    """Make ``source`` a file at ``target`` too, in a folder that is made where missing.

    Args:
        source: the video; of a symbolic link, what it leads to is taken.
        target: where nothing is yet.
        link: make a hard link, which takes no space, where the disk allows it.
        copy: copy the file where it is not linked.

    Raises:
        DatasetError: if there is no such video, or it has the name of another file.
        OutputError: if it can be neither linked nor copied.
    """
    if not source.is_file():
        raise DatasetError(f"{source} is missing; `wildact data check` lists all videos that are.")
    if target.exists():
        raise DatasetError(f"{source} cannot be a video: it has the name of another file of the data set.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if link:
            try:
                os.link(source.resolve(), target)
                return
            except OSError:  # another disk, or one without links
                if not copy:
                    raise
        shutil.copy2(source, target)
    except OSError as error:
        advice = "look for room on the disk" if copy else "choose a folder on the same disk, or use --copy"
        verb = "copied" if copy else "linked"
        raise OutputError(
            f"{source} cannot be {verb} into the new folder ({error.strerror}); {advice}."
        ) from error
