"""What a worker answers to its parent. It runs in a thread here; the tests of whole batches use processes."""

import json
import multiprocessing
import threading

import pytest
import torch

from wildact.errors import VideoError
from wildact.export import load_result
from wildact.runner import VideoInput
from wildact.runner.worker import MARKER, Job, Told, describe_source, serve


class Worker:
    """A worker's other end."""

    def __init__(self, settings):
        self.connection, theirs = multiprocessing.Pipe()
        self.exit_code = None
        self.thread = threading.Thread(target=self.serve, args=(theirs, settings))
        self.thread.start()

    def serve(self, connection, settings):
        try:
            serve(connection, settings, torch.get_num_threads())
        except SystemExit as end:
            self.exit_code = end.code

    def answer(self):
        """The next message that is not progress."""
        while True:
            assert self.connection.poll(120)
            told = self.connection.recv()
            if told.kind != "progress":
                return told

    def ask(self, path, folder):
        self.connection.send(Job(VideoInput(path.name, path), folder, "settings", True))
        return self.answer()

    def stop(self):
        self.connection.close()
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def worker(tiny_settings):
    worker = Worker(tiny_settings)
    assert worker.answer() == Told("ready")
    yield worker
    worker.stop()


def hidden(folder):
    return [path.name for path in folder.glob(".*")]


def test_a_done_video_has_a_whole_folder_and_a_second_time_replaces_it(worker, film, tmp_path):
    clip, folder = film(tmp_path / "clip.mp4"), tmp_path / "out/clip"
    assert worker.ask(clip, folder) == Told("done")
    marker = json.loads((folder / MARKER).read_text())
    assert marker == {
        "video": "clip.mp4",
        "settings": "settings",
        "drawn": True,
        "again": "",
        **describe_source(clip),
    }
    result = load_result(folder)
    assert result.tracks
    assert result.info.path == clip
    assert (folder / "annotated.mp4").is_file()
    (folder / "old").touch()
    assert worker.ask(clip, folder) == Told("done")
    assert not (folder / "old").exists()
    assert hidden(tmp_path / "out") == []


def test_a_bad_video_fails_alone_and_leaves_nothing_behind(worker, film, tmp_path):
    clip, out = film(tmp_path / "clip.mp4"), tmp_path / "out"
    (tmp_path / "empty.mp4").touch()
    for name in ("empty.mp4", "pulled out.mp4"):
        told = worker.ask(tmp_path / name, out / "x")
        assert told.kind == "failed"
        assert str(tmp_path / name) in told.text
        assert "\n" not in told.text
    assert worker.ask(clip, out / "clip").kind == "done"
    assert [path.name for path in out.iterdir()] == ["clip"]


def test_a_folder_that_cannot_be_made_is_fatal(worker, film, tmp_path):
    (tmp_path / "file").touch()
    told = worker.ask(film(tmp_path / "clip.mp4"), tmp_path / "file/clip")
    assert told.kind == "fatal"
    assert "Not a directory" in told.text
    assert str(tmp_path / "file") in told.text


def test_weights_that_cannot_be_loaded_are_fatal(tiny_settings, tmp_path):
    from dataclasses import replace

    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    worker = Worker(replace(tiny_settings, detector=str(tmp_path / "broken.safetensors")))
    told = worker.answer()
    worker.stop()
    assert told.kind == "fatal"
    assert "broken.safetensors" in told.text


def test_a_parent_that_is_gone_ends_the_work_in_the_middle(tiny_settings, film, tmp_path):
    worker = Worker(tiny_settings)
    worker.answer()
    clip = film(tmp_path / "clip.mp4", seconds=6)
    worker.connection.send(Job(VideoInput("clip.mp4", clip), tmp_path / "out/clip", "settings", True))
    assert worker.connection.recv().kind == "progress"
    worker.stop()
    assert worker.exit_code == 1
    assert not list((tmp_path / "out").glob("*"))


def test_a_source_is_told_by_size_and_time(film, tmp_path):
    clip = film(tmp_path / "clip.mp4")
    stat = clip.stat()
    assert describe_source(clip) == {"size_bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
    with pytest.raises(VideoError, match="cannot be read"):
        describe_source(tmp_path / "gone.mp4")
