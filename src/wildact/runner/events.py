"""What a batch tells while it runs; the command line draws its progress bars from these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """A worker process took up a video."""

    video: str
    pid: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """A video got on: ``done`` of ``total`` frames (None: not known) of a stage."""

    video: str
    stage: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Finished:
    """A video is done and its results are on disk."""

    video: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A video was done by an earlier run with the same settings."""

    video: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A video could not be analysed, and why."""

    video: str
    error: str


Event = Started | Progressed | Finished | Skipped | Failed
