"""Worker processes that die, at each moment at which they can."""

import multiprocessing
import os
import signal
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from wildact.decode import VideoWriter
from wildact.runner import Failed, Finished, Started, VideoInput
from wildact.runner.pool import FatalError, run_jobs
from wildact.runner.worker import Job


def make_jobs(folder, count):
    clip = folder / "clip.mp4"
    with VideoWriter(clip, width=96, height=64, fps=Fraction(10)) as writer:
        for value in (60, 120):
            writer.write(np.full((64, 96, 3), value, np.uint8))
    return [Job(VideoInput(f"{k}.mp4", clip), folder / "out" / str(k), "settings", False) for k in range(count)]


def kill(pid):
    """Kill a worker and wait until it is gone."""
    (worker,) = (process for process in multiprocessing.active_children() if process.pid == pid)
    os.kill(pid, signal.SIGKILL)
    worker.join()


def test_a_worker_killed_at_work_loses_that_video_and_one_killed_between_two_loses_none(
    tiny_settings, tmp_path
):
    events, pid = [], 0
    for event in run_jobs(make_jobs(tmp_path, 3), tiny_settings, workers=1, threads=1):
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


def test_a_worker_that_dies_before_its_first_video_ends_the_batch(tiny_settings, tmp_path):
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
        list(run_jobs(make_jobs(tmp_path, 2), tiny_settings, workers=1, threads=1))
    killer.join()
    assert not multiprocessing.active_children()


def test_nothing_to_do_starts_no_process(tiny_settings):
    assert list(run_jobs([], tiny_settings, workers=4, threads=1)) == []
