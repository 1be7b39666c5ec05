"""A whole batch in worker processes: broken files, crashes, kills and resumption."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest

from wildact.errors import OutputError, UsageError
from wildact.export import load_result
from wildact.runner import Failed, Finished, Skipped, Started, find_videos, run_batch

GOOD = {"-lead [dash] ü.mp4", "a.mp4", "Site 1/IMG.avi"}
BROKEN = {"empty.mp4", "text.mp4"}


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

    from dataclasses import replace

    with pytest.raises(UsageError, match="other settings"):
        run_batch(videos, out, replace(tiny_settings, min_score=0.4))


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

    second = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert second.returncode == 3, second.stderr
    assert "Traceback" not in second.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert not list(out.glob("videos/.*"))
    table = rows(out)
    assert {name for name, row in table.items() if row["status"] != "failed"} >= GOOD


def test_an_output_that_cannot_be_written_is_said_at_once(clips, tiny_settings, tmp_path):
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        run_batch(find_videos([clips]), tmp_path / "file", tiny_settings)


def test_a_full_disk_ends_the_batch_with_one_sentence(clips, tiny_settings, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        with pytest.raises(OutputError) as caught:
            run_batch(find_videos([clips / "a.mp4"]), disk, tiny_settings)
        assert "\n" not in str(caught.value)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
