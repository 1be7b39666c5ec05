"""What any file must be before it is decoded: there, not empty, and a plain file."""

from __future__ import annotations

import stat
from pathlib import Path

from wildact.errors import VideoError

MAX_PIXELS = 2**26
"""Pixels per frame above which a header is taken as damaged (8192 x 8192): keeps memory bounded."""


def check_file(path: Path) -> None:
    """Raise `VideoError` where a file is missing, empty or not a plain one."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise VideoError(f"{path}: no such file; check the name.") from error
    except (OSError, ValueError) as error:
        raise VideoError(f"{path}: cannot be read ({error}); check name and permissions.") from error
    if stat.S_ISDIR(status.st_mode):
        raise VideoError(f"{path}: a folder, not a file; name the files in it.")
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(f"{path}: a device or pipe, not a file; save the video to a file first.")
    if status.st_size == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes); copy it from the memory card again.")
