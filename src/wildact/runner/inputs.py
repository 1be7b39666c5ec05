"""From what a user types to a list of videos: files, folders (recursive) and globs."""

from __future__ import annotations

import glob
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wildact.errors import UsageError
from wildact.export import MARKER, RESULT, to_valid_text

SUFFIXES = frozenset(
    [
        ".264",
        ".265",
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".dv",
        ".flv",
        ".h264",
        ".h265",
        ".hevc",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mod",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".tod",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    ]
)


@dataclass(frozen=True, slots=True)
class VideoInput:
    """One video to analyse.

    Attributes:
        name: how the tables call it: its path within the folder that was given, ``/`` between parts; valid
            text, also where the file's name is not.
        path: the file.
    """

    name: str
    path: Path

    @property
    def folder_name(self) -> str:
        """A folder name that is safe on every system, readable, and unique to the path.

        Cameras begin to count anew on every card: the same name in another place is another video. The same
        file is the same video, whatever other inputs make of its name.
        """
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", "_".join(self.path.parts[-2:]))[-60:].strip("._-")
        digest = hashlib.sha256(str(self.path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return f"{readable or 'video'}-{digest}"


def find_videos(inputs: Sequence[str | Path]) -> list[VideoInput]:
    """List the videos that a user means.

    Args:
        inputs: files (taken whatever their name), folders (searched for video files, hidden ones left out),
            or globs (``**`` goes through folders). Links to folders are not followed. What wildact drew
            itself, in this or an earlier run, is found by neither.

    Returns:
        Each file once, in order of name. Where two would have the same name, folders are put before it.

    Raises:
        UsageError: if an input does not exist or cannot be looked up, or there is not one video in all of
            them.
    """
    found: dict[Path, Path] = {}  # the real file -> its path below the input's own folder
    for text in inputs:
        try:
            for path, below in _expand(Path(text)):
                found.setdefault(path.resolve(), below)
        except OSError as error:  # as where a shell made one word of many names
            raise UsageError(f"{_short(str(text))} cannot be looked up: {error.strerror}.") from error
    if not found:
        raise UsageError(f"there is no video in {', '.join(str(i) for i in inputs)}.")
    names = _unique_names(found)
    return sorted((VideoInput(names[path], path) for path in found), key=lambda video: video.name)


def _expand(path: Path) -> Iterable[tuple[Path, Path]]:
    if path.is_dir():
        return [(file, file.relative_to(path)) for file in _search(path)]
    if path.exists():
        return [(path, Path(path.name))]
    if not glob.has_magic(str(path)):
        raise UsageError(f"{path} does not exist.")
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207  absolute patterns
    if not matches:
        raise UsageError(f"nothing matches {path}.")
    pairs: list[tuple[Path, Path]] = []
    for match in matches:
        if match.is_dir():
            pairs += [(file, match.name / file.relative_to(match)) for file in _search(match)]
        elif match.suffix.lower() in SUFFIXES and not _is_drawn(match):
            pairs.append((match, Path(match.name)))
    return pairs


def _search(folder: Path) -> list[Path]:
    """Video files below a folder; macOS leaves hidden ``._`` twins of each file on memory cards."""
    files = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in SUFFIXES and path.is_file() and not _is_drawn(path):
            files.append(path)
    return files


def _is_drawn(path: Path) -> bool:
    """Whether a video is one that wildact drew; without its marker it is what a failed overwriting left."""
    return any((path.parent / name).is_file() for name in (MARKER, RESULT))


def _unique_names(found: dict[Path, Path]) -> dict[Path, str]:
    names = {path: to_valid_text(below.as_posix()) for path, below in found.items()}
    counts = Counter(names.values())
    return {
        path: name if counts[name] == 1 else to_valid_text(path.as_posix().lstrip("/"))
        for path, name in names.items()
    }


def _short(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[:length] + "…"
