"""The process that analyses videos, one after the other, as its parent hands them over.

A crash inside FFmpeg, or the kernel's answer to too much memory, ends this process and one video with it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import torch

from wildact.errors import OutputError, VideoError, WildactError
from wildact.export import MARKER, save_result
from wildact.pipeline import AnalysisSettings, Models, analyze_video, load_models, write_outputs
from wildact.runner.inputs import VideoInput

TELL_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """One video for a worker.

    Attributes:
        video: what to analyse.
        folder: where its results go; appears when they are complete.
        fingerprint: of the settings, kept beside the results.
        draw: write the annotated video.
        again: the overwriting run that this is part of, kept beside the results; empty: none.
    """

    video: VideoInput
    folder: Path
    fingerprint: str
    draw: bool
    again: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A message from a worker.

    Attributes:
        kind: ``ready``, ``progress``, ``done``; ``failed``: this video; ``fatal``: all further ones too.
        text: stage of the progress, or the reason of a failure.
        done: frames.
        total: frames, or None.
    """

    kind: Literal["ready", "progress", "done", "failed", "fatal"]
    text: str = ""
    done: int = 0
    total: int | None = None


def serve(connection: Connection, settings: AnalysisSettings, threads: int) -> None:
    """Load the networks once, then do jobs until the parent closes the connection."""
    torch.set_num_threads(threads)
    try:
        models = load_models(settings)
        connection.send(Told("ready"))
        while True:
            connection.send(_do(connection.recv(), models, settings, connection))
    except WildactError as error:
        connection.send(Told("fatal", str(error)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)  # the parent is gone, or ends us: nothing half-written counts as a result


def _do(job: Job, models: Models, settings: AnalysisSettings, connection: Connection) -> Told:
    part = job.folder.with_name(f".{job.folder.name}.{os.getpid()}.part")
    try:
        _analyze(job, part, models, settings, _Teller(connection))
    except OutputError as error:
        return Told("fatal", str(error))
    except WildactError as error:
        return Told("failed", str(error))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        raise
    except MemoryError:
        return Told("failed", f"{job.video.path}: there is not enough memory for this video.")
    except OSError as error:
        return Told("fatal", f"{error.filename or job.folder}: {error.strerror}.")
    except Exception as error:  # a batch of thousands must outlive a mistake of ours in one of them
        traceback.print_exc()
        return Told("failed", f"{job.video.path}: unexpected {type(error).__name__}: {error}")
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Told("done")


def _analyze(job: Job, part: Path, models: Models, settings: AnalysisSettings, tell: _Teller) -> None:
    source = describe_source(job.video.path)
    result = analyze_video(job.video.path, models, settings, progress=tell)
    part.mkdir(parents=True)
    result = write_outputs(part, result, title=job.video.name, video=job.draw, progress=tell)
    save_result(part, result)
    marker = {"video": job.video.name, "settings": job.fingerprint, "drawn": job.draw, "again": job.again}
    marker |= source
    (part / MARKER).write_text(json.dumps(marker), encoding="utf-8")
    old = job.folder.with_name(f".{job.folder.name}.{os.getpid()}.old")
    if job.folder.exists():
        job.folder.rename(old)
    part.rename(job.folder)
    shutil.rmtree(old, ignore_errors=True)


def describe_source(path: Path) -> dict[str, int]:
    """What tells that a video file is still the same one.

    Raises:
        VideoError: if it is gone, as when the memory card was pulled out.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}.") from error
    return {"size_bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}


class _Teller:
    """Sends progress to the parent, a few times a second at most."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.last = connection, 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self.last > TELL_EVERY_S:
            self.last = now
            self.connection.send(Told("progress", stage, done, total))
