"""A whole batch: which videos are left to do, doing them, and the tables and the report of all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import psutil

from wildact import __version__
from wildact.errors import DatasetError, OutputError, UsageError, VideoError
from wildact.export import MARKER, VideoOutcome, load_result, save_report, save_tables
from wildact.pipeline import ANIMAL, AnalysisSettings
from wildact.record import describe_environment, save_json
from wildact.runner.events import Event, Failed, Skipped
from wildact.runner.inputs import VideoInput
from wildact.runner.pool import run_jobs
from wildact.runner.worker import Job, describe_source
from wildact.species import read_species_list
from wildact.taxonomy import load_taxonomy
from wildact.weights import Kind, compute_sha256, find_weights

VIDEOS = "videos"

OVERWRITING = "overwriting.json"
"""In the folder of the results until all is done again: what an interrupted overwriting run goes on with."""


class OutcomeLine(NamedTuple):
    """What became of a video, in short.

    Attributes:
        video: its name.
        status: ok, blank or failed.
        tracks: animals, people and vehicles that were followed.
        error: why it failed; empty where it did not.
    """

    video: str
    status: Literal["ok", "blank", "failed"]
    tracks: int
    error: str


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch ended.

    Attributes:
        out: folder of the results.
        outcomes: one line per video.
        interrupted: it was stopped before the last video.
        others: videos of earlier runs whose results are in the folder, and not in its tables.
    """

    out: Path
    outcomes: tuple[OutcomeLine, ...]
    interrupted: bool
    others: int

    @property
    def failed(self) -> int:
        """Number of videos that could not be analysed."""
        return sum(line.status == "failed" for line in self.outcomes)


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
        overwrite: do finished videos anew, and accept results of other settings in the folder; those that
            an interrupted overwriting run with the same settings has done anew are kept.
        tell: called with each `Event`.

    Raises:
        OutputError: if the folder cannot be written; what was finished stays.
        UsageError: if the folder holds results of other settings.
        WeightsError: if weights are missing.
    """
    started = time.perf_counter()
    fingerprint, weights = _fingerprint(settings)
    _prepare(out)
    again = _begin_overwriting(out, fingerprint) if overwrite else ""
    jobs = [Job(video, out / VIDEOS / video.folder_name, fingerprint, draw, again) for video in videos]
    if not overwrite:
        _refuse_others(out, jobs)
    left = []
    for job in jobs:
        if _is_done(job):
            tell(Skipped(job.video.name))
        else:
            left.append(job)
    folders = {job.video.name: job.folder for job in left}
    errors: dict[str, str] = {}
    threads = max(1, (os.cpu_count() or 1) // max(1, min(workers, len(left))))
    interrupted = False
    try:
        for event in run_jobs(left, settings, workers=workers, threads=threads):
            if isinstance(event, Failed):
                errors[event.video] = event.error
                if overwrite:  # what was there before is no result of these settings
                    (folders[event.video] / MARKER).unlink(missing_ok=True)
            tell(event)
        (out / OVERWRITING).unlink(missing_ok=True)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        run = _describe(settings, weights, workers=workers, wall_s=time.perf_counter() - started)
        lines = _collect(jobs, out, errors, run)
    return BatchResult(out, lines, interrupted, others=_count_others(out, jobs))


def _fingerprint(settings: AnalysisSettings) -> tuple[str, dict[str, Any]]:
    """A digest of everything that decides what a result holds, and the weights' facts."""
    weights: dict[str, Any] = {}
    names: dict[Kind, str] = {"detector": settings.detector, "recognizer": settings.recognizer}
    if settings.whole_frame:
        del names["detector"]
    elif settings.namer is not None and ANIMAL in find_weights(settings.detector, "detector")[1].classes:
        names["namer"] = settings.namer
    for kind, name in names.items():
        path, card = find_weights(name, kind)
        keys = {
            "name", "licence", "trained_on", "trained_on_simulation", "recipe", "scores", "min_score",
            "min_probability",
        }  # fmt: skip
        facts = card.model_dump(mode="json", include=keys)
        weights[kind] = {**facts, "file": path.name, "sha256": compute_sha256(path)}
    decisive = {k: str(v) for k, v in asdict(settings).items() if k not in ("device", "batch_size")}
    decisive["wildact"] = __version__
    decisive |= {kind: facts["sha256"] for kind, facts in weights.items()}
    if settings.species_list is not None:
        listed = read_species_list(settings.species_list, load_taxonomy())
        decisive["species_list"] = "\n".join(sorted(listed))
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16], weights


def _prepare(out: Path) -> None:
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
    for leftover in out.glob(".*.[0-9]*.tmp"):
        if not _alive(leftover):
            leftover.unlink(missing_ok=True)


def _begin_overwriting(out: Path, fingerprint: str) -> str:
    """What the results of this overwriting run are told by: as in an interrupted one with these settings."""
    begun = _read_json(out / OVERWRITING)
    if begun.get("settings") == fingerprint and isinstance(begun.get("again"), str):
        return str(begun["again"])
    again = secrets.token_hex(8)
    save_json(out / OVERWRITING, {"settings": fingerprint, "again": again})
    return again


def _refuse_others(out: Path, jobs: Sequence[Job]) -> None:
    """Videos must not be left in one folder of which some were analysed otherwise than the others."""
    if any(_read_marker(job).get("settings", job.fingerprint) != job.fingerprint for job in jobs):
        raise UsageError(
            f"{out} holds results made with other settings, weights or another version of wildact: choose"
            " another --out, or --overwrite."
        )


def _count_others(out: Path, jobs: Sequence[Job]) -> int:
    """Finished videos in the folder that are none of these."""
    ours = {job.folder.name for job in jobs}
    return sum(marker.parent.name not in ours for marker in (out / VIDEOS).glob(f"*/{MARKER}"))


def _alive(leftover: Path) -> bool:
    """Whether the process that made a temporary file or folder (its number is in the name) still runs."""
    number = leftover.name.split(".")[-2]
    return number.isdecimal() and psutil.pid_exists(int(number))


def _read_marker(job: Job) -> dict[str, Any]:
    """What the result of a video was made from; empty where there is none."""
    marker = _read_json(job.folder / MARKER)
    return marker if "settings" in marker else {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_done(job: Job) -> bool:
    marker = _read_marker(job)
    drawn = marker.get("drawn", False) or not job.draw
    again = job.again in ("", marker.get("again"))
    there = job.video.path.exists()  # if not, it fails, and that is said
    return there and drawn and again and _is_of(marker, job) and _is_readable(job.folder)


def _is_of(marker: dict[str, Any], job: Job) -> bool:
    """Whether a result was made with these settings, from the file as it is now, if it is still there."""
    try:
        source = describe_source(job.video.path)
    except VideoError:  # the memory card was pulled out
        source = {}
    return marker.get("settings") == job.fingerprint and source.items() <= marker.items()


def _is_readable(folder: Path) -> bool:
    """Whether a saved result is whole: a power cut can leave files empty that were written before it."""
    try:
        load_result(folder)
    except DatasetError:
        return False
    return True


def _collect(
    jobs: Sequence[Job], out: Path, errors: dict[str, str], run: dict[str, Any]
) -> tuple[OutcomeLine, ...]:
    """Write tables, report and run.json from what is on disk, one video in memory at a time."""
    lines: list[OutcomeLine] = []
    stages: dict[str, float] = {}
    save_tables(out, _summed(_outcomes(jobs, errors), lines, stages))
    run = {**run, "stages_s": {stage: round(seconds, 3) for stage, seconds in stages.items()}}
    run["videos"] = {
        status: sum(line.status == status for line in lines) for status in ("ok", "blank", "failed")
    }
    save_json(out / "run.json", run)
    save_report(out, _outcomes(jobs, errors), run=run)
    return tuple(lines)


def _outcomes(jobs: Sequence[Job], errors: dict[str, str]) -> Iterator[VideoOutcome]:
    return (outcome for job in jobs if (outcome := _outcome(job, errors)) is not None)


def _summed(
    outcomes: Iterable[VideoOutcome], lines: list[OutcomeLine], stages: dict[str, float]
) -> Iterator[VideoOutcome]:
    """Pass outcomes on; of each a line is added, and its seconds in each stage."""
    for outcome in outcomes:
        result = outcome.result
        if result is None:
            lines.append(OutcomeLine(outcome.video, "failed", 0, outcome.error or ""))
        else:
            lines.append(OutcomeLine(outcome.video, result.status, len(result.tracks), ""))
            for stage, seconds in result.timings_s.items():
                stages[stage] = stages.get(stage, 0.0) + seconds
        yield outcome


def _outcome(job: Job, errors: dict[str, str]) -> VideoOutcome | None:
    """What became of a video; None where the run ended before its turn."""
    name, path = job.video.name, job.video.path
    if name in errors:
        return VideoOutcome(name, path, None, errors[name], None)
    if not _is_of(_read_marker(job), job):
        return None
    try:
        return VideoOutcome(name, path, load_result(job.folder), None, job.folder)
    except DatasetError as error:
        return VideoOutcome(name, path, None, f"its saved result is damaged: {error}", None)


def _describe(
    settings: AnalysisSettings, weights: dict[str, Any], *, workers: int, wall_s: float
) -> dict[str, Any]:
    return {
        "settings": {
            **asdict(settings),
            "fps": None if settings.fps is None else str(settings.fps),
            "species_list": None if settings.species_list is None else str(settings.species_list),
            "workers": workers,
        },
        "models": weights,
        "environment": describe_environment(),
        "wall_s": round(wall_s, 2),
    }
