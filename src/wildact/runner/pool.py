"""A handful of worker processes that may die: each has a connection of its own, and is replaced when gone."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from wildact.errors import WildactError
from wildact.export import to_valid_text
from wildact.pipeline import AnalysisSettings
from wildact.runner.events import Event, Failed, Finished, Progressed, Started
from wildact.runner.worker import Job, Told, serve


class FatalError(WildactError):
    """A worker met something that would fail all further videos too: missing weights, a full disk."""


MAX_FAILED_STARTS = 3
"""So many workers in a row that die before they are ready end the batch."""


class _Worker:
    def __init__(self, settings: AnalysisSettings, threads: int) -> None:
        context = multiprocessing.get_context("spawn")  # FFmpeg's and torch's threads do not survive a fork
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=serve, args=(theirs, settings, threads), daemon=True, name="wildact-worker"
        )
        self.process.start()
        theirs.close()
        self.ready = False
        self.job: Job | None = None

    def give(self, job: Job) -> bool:
        """Hand over a video; False where the process died in the meantime."""
        try:
            self.connection.send(job)
        except OSError:
            return False
        self.job = job
        return True

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
    failed_starts = 0
    pool = [_Worker(settings, threads) for _ in range(min(workers, len(jobs)))]
    try:
        while any(worker.job for worker in pool) or waiting:
            ready = wait([worker.connection for worker in pool])
            for worker in [worker for worker in pool if worker.connection in ready]:
                told = _receive(worker.connection)
                if told is not None:
                    failed_starts = 0 if told.kind == "ready" else failed_starts
                    yield from _heard(worker, told, waiting)
                    continue
                pool.remove(worker)
                failed_starts += not worker.ready
                yield from _buried(worker, give_up=failed_starts >= MAX_FAILED_STARTS)
                if waiting:
                    pool.append(_Worker(settings, threads))
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
        raise FatalError(to_valid_text(told.text))
    if told.kind == "progress":
        yield Progressed(name, told.text, told.done, told.total)
        return
    if told.kind == "done":
        yield Finished(name)
    elif told.kind == "failed":
        yield Failed(name, to_valid_text(told.text))
    worker.ready, worker.job = True, None
    if waiting and worker.give(waiting[0]):
        yield Started(waiting.popleft().video.name, worker.process.pid or 0)


def _buried(worker: _Worker, *, give_up: bool) -> Iterator[Event]:
    """A worker died: its video failed. Where workers die before their first video, there is no use."""
    worker.process.join()
    code = worker.process.exitcode or 0
    worker.connection.close()
    cause = f"exit code {code}"
    if code < 0:
        cause = f"signal {-code}, {signal.strsignal(-code)}"
    if give_up:
        raise FatalError(f"a worker process died before it could start ({cause}).")
    if worker.job is None:
        return
    hint = "; probably it ran out of memory: try fewer --workers" if code == -9 else ""
    error = f"{worker.job.video.path}: the process that analysed it died ({cause}){hint}."
    yield Failed(worker.job.video.name, to_valid_text(error))
