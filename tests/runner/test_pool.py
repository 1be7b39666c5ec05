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


def test_a_worker_that_dies_before_its_first_video_ends_the_batch(tiny_settings, jobs):
    def kill_first_child():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for process in multiprocessing.active_children():
                if process.pid:
                    os.kill(process.pid, signal.SIGKILL)
                    return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_first_child)
    killer.start()
    with pytest.raises(FatalError, match=r"died before it could start \(signal 9"):
        list(run_jobs(jobs, tiny_settings, workers=1, threads=1))
    killer.join()
    assert not multiprocessing.active_children()


def test_nothing_to_do_starts_no_process(tiny_settings):
    assert list(run_jobs([], tiny_settings, workers=4, threads=1)) == []
