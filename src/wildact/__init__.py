"""wildact: find, follow and name the animals in wildlife video, and recognise what they do.

    >>> import wildact
    >>> result = wildact.analyze("clip.mp4")
    >>> for bout in result.bouts:
    ...     print(bout.track_id, bout.action, bout.start_s, bout.end_s)

Heavy parts (torch, FFmpeg) are imported when they are first used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__all__ = ["AnalysisSettings", "VideoResult", "__version__", "analyze"]

__version__ = version("wildact")

_HOMES = {
    "AnalysisSettings": "wildact.pipeline",
    "analyze": "wildact.pipeline",
    "VideoResult": "wildact.types",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'wildact' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
