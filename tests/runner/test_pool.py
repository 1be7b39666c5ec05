"""Worker processes that die, at each moment at which they can."""

import multiprocessing
import os
import signal
import threading
import time

import pytest

from wildact.runner import Failed, Finished, Started, VideoInput
from wildact.runner.pool import FatalError, run_jobs
from wildact.runner.worker import Job


@pytest.fixture
def jobs(film, tmp_path):
    clip = film(tmp_path / "clip.mp4", seconds=0.2)
    return [Job(VideoInput(f"{k}.mp4", clip), tmp_path / "out" / str(k), "settings", False) for k in range(3)]


def kill(pid):
    """Kill a worker and wait until it is gone."""
    (worker,) = (process for process in multiprocessing.active_children() if process.pid == pid)
    os.kill(pid, signal.SIGKILL)
    worker.join()


def test_a_worker_killed_at_work_loses_that_video_and_one_killed_between_two_loses_none(tiny_settings, jobs):
    events, pid = [], 0
    for event in run_jobs(jobs, tiny_settings, workers=1, threads=1):
        events.append(event)
        if isinstance(event, Started):
            pid = event.pid
        if (isinstance(event, Started) and event.video == "0.mp4") or (
            isinstance(event, Finished) and event.video == "1.mp4"
        ):
            kill(pid)
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert failed.video == "0.mp4"
    assert "signal 9" in failed.error
    assert "memory" in failed.error
    assert [event.video for event in events if isinstance(event, Finished)] == ["1.mp4", "2.mp4"]
    assert [event.video for event in events if isinstance(event, Started)] == ["0.mp4", "1.mp4", "2.mp4"]
    assert not multiprocessing.active_children()


def kill_children(number):
    """Kill so many processes as soon as they are there, in a thread; returns the thread, started."""

    def kill():
        killed = set()
        deadline = time.monotonic() + 120
        while len(killed) < number and time.monotonic() < deadline:
            for process in multiprocessing.active_children():
                if process.pid and process.pid not in killed and len(killed) < number:
                    os.kill(process.pid, signal.SIGKILL)
                    killed.add(process.pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    return killer


def test_a_worker_that_dies_before_it_is_ready_is_replaced(tiny_settings, jobs):
    killer = kill_children(1)
    events = list(run_jobs(jobs, tiny_settings, workers=1, threads=1))
    killer.join()
    assert [event.video for event in events if isinstance(event, Finished)] == ["0.mp4", "1.mp4", "2.mp4"]
    assert not [event for event in events if isinstance(event, Failed)]


def test_workers_that_all_die_before_they_are_ready_end_the_batch(tiny_settings, jobs):
    killer = kill_children(3)
    with pytest.raises(FatalError, match=r"died before it could start \(signal 9"):
        list(run_jobs(jobs, tiny_settings, workers=1, threads=1))
    killer.join()
    assert not multiprocessing.active_children()


def test_nothing_to_do_starts_no_process(tiny_settings, monkeypatch):
    monkeypatch.setattr("wildact.runner.pool._Worker", None)  # it cannot be called
    assert list(run_jobs([], tiny_settings, workers=4, threads=1)) == []
