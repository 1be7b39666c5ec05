"""A handful of worker processes that may die: each has a connection of its own, and is replaced when gone."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from wildact.errors import WildactError
from wildact.pipeline import AnalysisSettings
from wildact.runner.events import Event, Failed, Finished, Progressed, Started
from wildact.runner.worker import Job, Told, serve


class FatalError(WildactError):
    """A worker met something that would fail all further videos too: missing weights, a full disk."""


class _Worker:
    def __init__(self, settings: AnalysisSettings, threads: int) -> None:
        context = multiprocessing.get_context("spawn")  # FFmpeg's and torch's threads do not survive a fork
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=serve, args=(theirs, settings, threads), daemon=True, name="wildact-worker"
        )
        self.process.start()
        theirs.close()
        self.job: Job | None = None

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def run_jobs(
    jobs: Sequence[Job], settings: AnalysisSettings, *, workers: int, threads: int
) -> Iterator[Event]:
    """Do all jobs.

    Args:
        jobs: the videos.
        settings: of the analysis.
        workers: processes.
        threads: of computation in each.

    Yields:
        What happens, as it happens; for each job one `Finished` or `Failed`.

    Raises:
        FatalError: if there is no use in going on.
    """
    waiting = deque(jobs)
    pool = [_Worker(settings, threads) for _ in range(min(workers, len(jobs)))]
    try:
        while any(worker.job for worker in pool) or waiting:
            ready = wait([worker.connection for worker in pool])
            for i, worker in enumerate(pool):
                if worker.connection not in ready:
                    continue
                told = _receive(worker.connection)
                if told is None:
                    yield from _buried(worker)
                    pool[i] = _Worker(settings, threads)
                else:
                    yield from _heard(worker, told, waiting)
    finally:
        for worker in pool:
            worker.stop()


def _receive(connection: Connection) -> Told | None:
    """The next message; None where the process at the other end is gone."""
    try:
        message = connection.recv()
    except (EOFError, OSError):
        return None
    return message if isinstance(message, Told) else None


def _heard(worker: _Worker, told: Told, waiting: deque[Job]) -> Iterator[Event]:
    name = worker.job.video.name if worker.job else ""
    if told.kind == "fatal":
        raise FatalError(told.text)
    if told.kind == "progress":
        yield Progressed(name, told.text, told.done, told.total)
        return
    if told.kind == "done":
        yield Finished(name)
    elif told.kind == "failed":
        yield Failed(name, told.text)
    worker.job = waiting.popleft() if waiting else None
    if worker.job is not None:
        worker.connection.send(worker.job)
        yield Started(worker.job.video.name, worker.process.pid or 0)


def _buried(worker: _Worker) -> Iterator[Event]:
    """A worker died: its video failed. Before its first video it would die again and again: give up."""
    worker.process.join()
    code = worker.process.exitcode or 0
    worker.connection.close()
    cause = f"exit code {code}"
    if code < 0:
        cause = f"signal {-code}, {signal.strsignal(-code)}"
    if worker.job is None:
        raise FatalError(f"a worker process died before it could start ({cause}).")
    hint = "; probably it ran out of memory: try fewer --workers" if code == -signal.SIGKILL else ""
    yield Failed(
        worker.job.video.name,
        f"{worker.job.video.path}: the process that analysed it died ({cause}){hint}.",
    )
