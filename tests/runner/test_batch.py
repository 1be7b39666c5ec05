"""A whole batch in worker processes: broken files, crashes, kills and resumption."""

import csv
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from wildact.datasets.results.folder import find_results
from wildact.errors import OutputError, UsageError
from wildact.export import load_result
from wildact.pipeline import load_models
from wildact.runner import Failed, Finished, Skipped, Started, find_videos, run_batch
from wildact.runner.worker import _do

GOOD = {"-lead [dash] ü.mp4", "a.mp4", "Site 1/IMG.avi", "lying.avi"}
BROKEN = {"empty.mp4", "text.mp4", "headless.mp4"}


def rows(out):
    """Name -> row of videos.csv; a name that could be a formula is written as ./name."""
    with (out / "videos.csv").open(encoding="utf-8", newline="") as file:
        return {row["video"].removeprefix("./"): row for row in csv.DictReader(file)}


def folders(out):
    return sorted(path.name for path in (out / "videos").iterdir())


def test_a_batch_with_broken_files_crash_and_resumption(clips, tiny_settings, tmp_path):
    out = tmp_path / "out"
    videos = find_videos([clips])
    events = []

    def crash_on_a(event):
        events.append(event)
        if isinstance(event, Started) and event.video == "a.mp4":
            os.kill(event.pid, signal.SIGSEGV)

    result = run_batch(videos, out, tiny_settings, tell=crash_on_a)
    table = rows(out)
    assert set(table) == GOOD | BROKEN | {"cut.mp4"}
    assert {name for name, row in table.items() if row["status"] == "failed"} >= BROKEN | {"a.mp4"}
    assert "signal 11" in table["a.mp4"]["error"]
    assert all(row["error"].count("\n") == 0 for row in table.values())
    assert "90000 frames" in table["lying.avi"]["warnings"]
    assert table["lying.avi"]["frames"] == "15"
    assert table["cut.mp4"]["status"] == "failed" or "truncated" in table["cut.mp4"]["warnings"]
    assert table["Site 1/IMG.avi"]["status"] in ("ok", "blank")
    assert float(table["Site 1/IMG.avi"]["duration_s"]) == 1.5
    assert result.failed == sum(row["status"] == "failed" for row in table.values())
    for name in ("report.html", "tracks.csv", "bouts.csv", "detections.parquet", "run.json"):
        assert (out / name).is_file()

    done = {f: (out / "videos" / f / "result.json").stat().st_mtime_ns for f in folders(out)}
    events.clear()
    run_batch(videos, out, tiny_settings, tell=events.append)
    assert {e.video for e in events if isinstance(e, Finished)} == {"a.mp4"}
    assert {e.video for e in events if isinstance(e, Skipped)} >= GOOD - {"a.mp4"}
    assert {e.video for e in events if isinstance(e, Failed)} >= BROKEN
    assert all((out / "videos" / f / "result.json").stat().st_mtime_ns == t for f, t in done.items())
    assert rows(out)["a.mp4"]["status"] in ("ok", "blank")
    results = [load_result(out / "videos" / f) for f in folders(out)]
    assert any(r.tracks and r.bouts for r in results)
    for folder, one in zip(folders(out), results, strict=True):
        assert (out / "videos" / folder / "ethogram.png").is_file()
        assert (out / "videos" / folder / "annotated.mp4").is_file() == bool(one.tracks)

    with pytest.raises(UsageError, match="other settings"):
        run_batch(videos, out, replace(tiny_settings, min_score=0.4))


ODD_NAMES = ["a b.mp4", "[red]ö.mp4", "$x$_{.mp4"]
if sys.platform == "linux":  # elsewhere there are no such files
    ODD_NAMES += ["A b.mp4", "new\nline.mp4", "=1+1.mp4", os.fsdecode(b"not-utf8-\xff.mp4")]


@pytest.fixture
def odd_clips(tmp_path, film):
    """Copies of one video of two frames, under names that are hard to write down."""
    content = film(tmp_path / "whole.mp4", seconds=0.2).read_bytes()
    folder = tmp_path / "[card]"
    folder.mkdir()
    for name in ODD_NAMES:
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def in_this_process(monkeypatch):
    """Videos are analysed without worker processes, which take seconds to start."""

    def run_jobs(jobs, settings, *, workers, threads):
        models = load_models(settings)
        for job in jobs:
            yield Started(job.video.name, os.getpid())
            told = _do(job, models, settings, SimpleNamespace(send=lambda told: None))
            yield Finished(job.video.name) if told.kind == "done" else Failed(job.video.name, told.text)

    monkeypatch.setattr("wildact.runner.batch.run_jobs", run_jobs)


@pytest.mark.usefixtures("in_this_process")
def test_what_is_done_again_and_what_is_not(odd_clips, tiny_settings, tmp_path):
    """Odd names, then: a changed file, a damaged result, a wish for videos, other settings."""
    out = tmp_path / "out"
    videos = find_videos([odd_clips])

    def names_done(videos, settings=tiny_settings, **options):
        events = []
        run_batch(videos, out, settings, tell=events.append, **options)
        assert not [event for event in events if isinstance(event, Failed)]
        return {event.video for event in events if isinstance(event, Finished)}

    written = {name.encode("utf-8", "backslashreplace").decode().replace("\n", r"\n") for name in ODD_NAMES}
    assert names_done(videos, draw=False) == written
    assert len(folders(out)) == len(ODD_NAMES)
    assert set(rows(out)) == written
    assert "[red]ö.mp4" in (out / "report.html").read_text(encoding="utf-8")

    by_name = {video.name: out / "videos" / video.folder_name for video in videos}
    os.utime(odd_clips / "a b.mp4", ns=(0, 0))
    (by_name["[red]ö.mp4"] / "result.json").write_text("")  # as after a power cut
    assert names_done(videos, draw=False) == {"a b.mp4", "[red]ö.mp4"}
    assert set(rows(out)) == written

    two = videos[:2]
    assert not list(out.glob("videos/*/annotated.mp4"))
    assert names_done(two, draw=True) == {video.name for video in two}
    for video in two:
        drawn = bool(load_result(by_name[video.name]).tracks)
        assert (by_name[video.name] / "annotated.mp4").is_file() == drawn
    assert names_done(two, draw=False) == set()
    other = replace(tiny_settings, min_score=0.4)
    assert names_done(two, other, overwrite=True) == {video.name for video in two}


@pytest.mark.usefixtures("in_this_process")
def test_an_interrupted_overwriting_goes_on(odd_clips, tiny_settings, tmp_path):
    out = tmp_path / "out"
    videos = find_videos([odd_clips])[:3]
    names = [video.name for video in videos]

    def overwrite(settings, *, stop_after=None):
        """Names of the videos that were done."""
        done = []

        def tell(event):
            assert not isinstance(event, Failed)
            if isinstance(event, Finished):
                done.append(event.video)
                if len(done) == stop_after:
                    raise KeyboardInterrupt

        result = run_batch(videos, out, settings, draw=False, overwrite=True, tell=tell)
        assert result.interrupted == (stop_after is not None)
        return done

    assert overwrite(tiny_settings) == names
    assert overwrite(tiny_settings, stop_after=1) == names[:1]
    assert set(rows(out)) == set(names)  # the others' results are of the same settings
    assert overwrite(tiny_settings, stop_after=1) == names[1:2]
    assert overwrite(tiny_settings) == names[2:]
    assert overwrite(tiny_settings) == names

    other = replace(tiny_settings, min_score=0.4)
    assert overwrite(other, stop_after=2) == names[:2]
    assert set(rows(out)) == set(names[:2])
    with pytest.raises(UsageError, match="other settings"):
        run_batch(videos, out, other, draw=False)
    assert run_batch(videos[:2], out, other, draw=False).failed == 0  # of these there are none
    assert overwrite(other) == names


@pytest.mark.usefixtures("in_this_process")
def test_a_video_that_fails_when_done_again_has_no_result_left(odd_clips, tiny_settings, tmp_path):
    out = tmp_path / "out"
    (video,) = find_videos([odd_clips / "a b.mp4"])
    run_batch([video], out, tiny_settings, draw=False)
    content = video.path.read_bytes()
    video.path.write_bytes(b"")
    other = replace(tiny_settings, min_score=0.4)
    assert run_batch([video], out, other, draw=False, overwrite=True).failed == 1
    video.path.write_bytes(content)
    assert run_batch([video], out, other, draw=False).failed == 0
    assert rows(out)["a b.mp4"]["folder"] == f"videos/{video.folder_name}"


@pytest.mark.usefixtures("in_this_process")
def test_two_cards_in_one_folder(odd_clips, tiny_settings, tmp_path):
    """Tables and exports are of the card that was asked for last, and each is analysed once."""
    out = tmp_path / "out"
    cards = [tmp_path / name for name in ("one", "two")]
    for card in cards:
        card.mkdir()
        (card / "IMG_1.mp4").write_bytes((odd_clips / "a b.mp4").read_bytes())

    def names_done(*inputs):
        events = []
        result = run_batch(find_videos(inputs), out, tiny_settings, draw=False, tell=events.append)
        others.append(result.others)
        return [event.video for event in events if isinstance(event, Finished)]

    others = []
    assert names_done(cards[0]) == names_done(cards[1]) == ["IMG_1.mp4"]
    assert others == [0, 1]
    assert names_done(cards[0]) == []
    (folder,) = find_results(out).videos.values()
    assert load_result(folder).info.path == cards[0] / "IMG_1.mp4"
    assert names_done(*cards) == []
    assert sorted(find_results(out).videos) == [f"{card}/IMG_1.mp4".lstrip("/") for card in cards]


@pytest.mark.usefixtures("in_this_process")
def test_tables_of_a_file_that_has_changed_and_of_one_that_is_gone(odd_clips, tiny_settings, tmp_path):
    out = tmp_path / "out"
    videos = find_videos([odd_clips])[:2]
    run_batch(videos, out, tiny_settings, draw=False)
    os.utime(videos[1].path, ns=(0, 0))

    def stop(event):
        if isinstance(event, Started):
            raise KeyboardInterrupt

    assert run_batch(videos, out, tiny_settings, draw=False, tell=stop).interrupted
    assert set(rows(out)) == {videos[0].name}  # the result of the other one is of the file as it was

    def pull_out_the_card(event):
        assert isinstance(event, Skipped)
        videos[0].path.unlink()

    run_batch(videos[:1], out, tiny_settings, draw=False, tell=pull_out_the_card)
    assert rows(out)[videos[0].name]["status"] in ("ok", "blank")


def test_killed_in_the_middle_the_same_command_finishes_the_rest(clips, tiny_settings, tmp_path):
    out = tmp_path / "out"
    command = [
        sys.executable, "-m", "wildact", "run", str(clips), "--out", str(out), "--min-score", "0.3",
        "--no-video",
        "--detector", tiny_settings.detector, "--recognizer", tiny_settings.recognizer,
    ]  # fmt: skip
    first = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 300
        while not list(out.glob("videos/*/done.json")):
            assert first.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    before = {p: p.stat().st_mtime_ns for p in out.glob("videos/*/result.json")}
    assert before
    (out / "videos/.ghost-00000000.999999.part").mkdir()
    (out / ".0123456789abcdef.999999.tmp").write_text("half a table")

    second = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert second.returncode == 3, second.stderr
    assert "Traceback" not in second.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert not [*out.glob("videos/.*"), *out.glob(".*")]
    table = rows(out)
    assert {name for name, row in table.items() if row["status"] != "failed"} >= GOOD


def test_an_output_that_cannot_be_written_is_said_at_once(clips, tiny_settings, tmp_path):
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        run_batch(find_videos([clips]), tmp_path / "file", tiny_settings)


def test_a_full_disk_ends_the_batch_with_one_sentence_and_spares_what_is_done(clips, tiny_settings, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")

    def fill_after_the_first(event):
        if isinstance(event, Finished):
            with suppress(OSError), (disk / "other").open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    try:
        with pytest.raises(OutputError) as caught:
            run_batch(find_videos([clips / "a.mp4", clips / "lying.avi"]), disk, tiny_settings,
                      draw=False, tell=fill_after_the_first)  # fmt: skip
        assert "\n" not in str(caught.value)
        (finished,) = (disk / "videos").glob("[!.]*")
        assert load_result(finished).info.frames == 15
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
