"""A whole batch: which videos are left to do, doing them, and the tables and the report of all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from wildact import __version__
from wildact.errors import DatasetError, OutputError, UsageError
from wildact.export import VideoOutcome, load_result, save_report, save_tables
from wildact.pipeline import AnalysisSettings
from wildact.record import describe_environment, save_json
from wildact.runner.events import Event, Failed, Skipped
from wildact.runner.inputs import MARKER, VideoInput
from wildact.runner.pool import run_jobs
from wildact.runner.worker import Job, describe_source
from wildact.weights import compute_sha256, find_weights

VIDEOS = "videos"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch ended.

    Attributes:
        out: folder of the results.
        outcomes: one line per video: name, status (ok, blank, failed), tracks, error.
        interrupted: it was stopped before the last video.
    """

    out: Path
    outcomes: tuple[tuple[str, Literal["ok", "blank", "failed"], int, str], ...]
    interrupted: bool

    @property
    def failed(self) -> int:
        """Number of videos that could not be analysed."""
        return sum(status == "failed" for _, status, _, _ in self.outcomes)


def run_batch(
    videos: Sequence[VideoInput],
    out: Path,
    settings: AnalysisSettings,
    *,
    workers: int = 1,
    draw: bool = True,
    overwrite: bool = False,
    tell: Callable[[Event], None] = lambda event: None,
) -> BatchResult:
    """Analyse videos into a folder; what an earlier run finished there is kept.

    Args:
        videos: from `find_videos`.
        out: folder for tables, report and one folder for each video.
        settings: of the analysis.
        workers: processes, each with its own copy of the networks.
        draw: write annotated videos.
        overwrite: do finished videos anew, and accept results of other settings in the folder.
        tell: called with each `Event`.

    Raises:
        OutputError: if the folder cannot be written; what was finished stays.
        UsageError: if the folder holds results of other settings.
        WeightsError: if weights are missing.
    """
    started = time.perf_counter()
    fingerprint, weights = _fingerprint(settings)
    _prepare(out, fingerprint, overwrite=overwrite)
    errors: dict[str, str] = {}
    jobs = []
    for video in videos:
        job = Job(video, out / VIDEOS / video.folder_name, fingerprint, draw)
        if not overwrite and _is_done(job):
            tell(Skipped(video.name))
        else:
            jobs.append(job)
    threads = max(1, (os.cpu_count() or 1) // workers)
    interrupted = False
    try:
        for event in run_jobs(jobs, settings, workers=workers, threads=threads):
            if isinstance(event, Failed):
                errors[event.video] = event.error
            tell(event)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        run = _describe(settings, weights, workers=workers, wall_s=time.perf_counter() - started)
        lines = _collect(videos, out, fingerprint, errors, run)
    return BatchResult(out, lines, interrupted)


def _fingerprint(settings: AnalysisSettings) -> tuple[str, dict[str, Any]]:
    """A digest of everything that decides what a result holds, and the weights' facts."""
    weights = {}
    for kind, name in (("detector", settings.detector), ("recognizer", settings.recognizer)):
        path, card = find_weights(name, kind)  # type: ignore[arg-type]  # the two kinds there are
        facts = card.model_dump(mode="json", include={"name", "licence", "trained_on", "recipe", "scores"})
        weights[kind] = {**facts, "file": path.name, "sha256": compute_sha256(path)}
    decisive = {k: str(v) for k, v in asdict(settings).items() if k not in ("device", "batch_size")}
    decisive["wildact"] = __version__
    decisive |= {kind: facts["sha256"] for kind, facts in weights.items()}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16], weights


def _prepare(out: Path, fingerprint: str, *, overwrite: bool) -> None:
    """Make the folder, see that it can be written, and clear what a killed run left half-written."""
    videos = out / VIDEOS
    try:
        videos.mkdir(parents=True, exist_ok=True)
        probe = videos / f".{os.getpid()}.probe"
        probe.write_bytes(b"wildact")
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}; choose another folder.") from error
    for leftover in [*videos.glob(".*.part"), *videos.glob(".*.old")]:
        if not _alive(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    others = {marker["settings"] for marker in _markers(videos)} - {fingerprint}
    if others and not overwrite:
        raise UsageError(
            f"{out} holds results made with other settings or weights: choose another --out, or --overwrite."
        )


def _alive(leftover: Path) -> bool:
    """Whether the process that made a temporary folder (its number is in the name) still runs."""
    number = leftover.name.split(".")[-2]
    return number.isdecimal() and psutil.pid_exists(int(number))


def _markers(videos: Path) -> Iterator[dict[str, Any]]:
    for path in videos.glob(f"*/{MARKER}"):
        marker = _read_marker(path)
        if marker:
            yield marker


def _read_marker(path: Path) -> dict[str, Any]:
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) and "settings" in marker else {}


def _is_done(job: Job) -> bool:
    marker = _read_marker(job.folder / MARKER)
    if not marker or not job.video.path.exists():
        return False
    unchanged = all(marker.get(key) == value for key, value in describe_source(job.video.path).items())
    drawn = marker.get("drawn", False) or not job.draw
    return unchanged and drawn and marker["settings"] == job.fingerprint and _is_readable(job.folder)


def _is_readable(folder: Path) -> bool:
    """Whether a saved result is whole: a power cut can leave files empty that were written before it."""
    try:
        load_result(folder)
    except DatasetError:
        return False
    return True


def _collect(
    videos: Sequence[VideoInput], out: Path, fingerprint: str, errors: dict[str, str], run: dict[str, Any]
) -> tuple[tuple[str, Literal["ok", "blank", "failed"], int, str], ...]:
    """Write tables, report and run.json from what is on disk, one video in memory at a time."""
    lines: list[tuple[str, Literal["ok", "blank", "failed"], int, str]] = []
    stages: dict[str, float] = {}

    def outcomes(*, first: bool) -> Iterator[VideoOutcome]:
        for video in videos:
            outcome = _outcome(video, out / VIDEOS / video.folder_name, fingerprint, errors)
            if outcome is None:
                continue
            if first:
                result = outcome.result
                lines.append(
                    (video.name, result.status, len(result.tracks), "")
                    if result
                    else (video.name, "failed", 0, outcome.error or "")
                )
                for stage, seconds in (result.timings_s if result else {}).items():
                    stages[stage] = stages.get(stage, 0.0) + seconds
            yield outcome

    save_tables(out, outcomes(first=True))
    run = {**run, "stages_s": {stage: round(seconds, 3) for stage, seconds in stages.items()}}
    run["videos"] = {status: sum(line[1] == status for line in lines) for status in ("ok", "blank", "failed")}
    save_json(out / "run.json", run)
    save_report(out, outcomes(first=False), run=run)
    return tuple(lines)


def _outcome(
    video: VideoInput, folder: Path, fingerprint: str, errors: dict[str, str]
) -> VideoOutcome | None:
    """What became of a video; None where the run ended before its turn."""
    if video.name in errors:
        return VideoOutcome(video.name, video.path, None, errors[video.name], None)
    if _read_marker(folder / MARKER).get("settings") != fingerprint:
        return None
    try:
        return VideoOutcome(video.name, video.path, load_result(folder), None, folder)
    except DatasetError as error:
        return VideoOutcome(video.name, video.path, None, f"its saved result is damaged: {error}", None)


def _describe(
    settings: AnalysisSettings, weights: dict[str, Any], *, workers: int, wall_s: float
) -> dict[str, Any]:
    return {
        "settings": {
            **asdict(settings),
            "fps": None if settings.fps is None else str(settings.fps),
            "workers": workers,
        },
        "models": weights,
        "environment": describe_environment(),
        "wall_s": round(wall_s, 2),
    }
