"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wildact.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; on success move what was written there to ``path``.

    An exception inside the block leaves an earlier ``path`` as it was and the temporary file removed.
    The folder is made where it is missing.

    Raises:
        OutputError: if the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename not in (None, str(temporary), str(path), str(path.parent)):
            raise  # the block failed on a file that is not ours, say an input video
        reason = error.strerror or str(error)
        held = isinstance(error, PermissionError) and path.exists()  # Windows: a spreadsheet shows it
        advice = "close it in other programs, or " if held else ""
        raise OutputError(
            f"{path} cannot be written ({reason}); {advice}choose another output folder."
        ) from error
    finally:
        with suppress(OSError):  # where the folder is a file, there is nothing to remove
            temporary.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder; on success what was written there is moved to ``folder``.

    Where ``folder`` is there already, new files are moved into it, and what else it holds stays. An exception
    inside the block leaves it as it was.

    Raises:
        OutputError: if the folder cannot be written to, or the disk is full.
    """
    temporary = (folder if folder.is_dir() else folder.parent) / f".{uuid.uuid4().hex}.{os.getpid()}.tmp"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _move(temporary, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{folder} cannot be written ({reason}); choose another output folder.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Move a file or folder; what is in a folder into another that is there."""
    if source.is_dir() and target.is_dir():
        for path in sorted(source.iterdir()):
            _move(path, target / path.name)
    else:
        source.replace(target)
