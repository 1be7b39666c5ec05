import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.datasets.results.folder import find_results, read_recordings
from wildact.datasets.results.labels import read_dataset_recordings, to_dataset
from wildact.errors import DatasetError, OutputError
from wildact.export import VideoOutcome, save_result, save_tables
from wildact.export.recording import Recording
from wildact.types import Bout, Track, VideoInfo, VideoResult


def build(path, *, frames=10, pts=None, tracks=1, bouts=()):
    track = Track(
        1, "red deer", 0.9, np.arange(2, 8), np.tile(np.array([1, 1, 5, 5], np.float32), (6, 1)),
        np.array([0.9, np.nan, 0.8, 0.7, np.nan, 0.9], np.float32), (None,) * 6,
    )  # fmt: skip
    pts = np.arange(frames) if pts is None else np.array(pts)
    return VideoResult(
        VideoInfo(path, 64, 48, Fraction(10), frames, Fraction(frames, 10), "h264"), "day", pts,
        Fraction(1, 10),
        (track,) * tracks, bouts=tuple(bouts),
        models={"detector": {"classes": ["fox", "red deer"]}, "recognizer": {"classes": ["rest", "walk"]}},
    )  # fmt: skip


def save_run(folder, results, failed=()):
    """A folder as ``wildact run`` leaves it."""
    outcomes = []
    for k, (name, result) in enumerate(results.items()):
        place = folder / "videos" / f"v{k}"
        save_result(place, result)
        (place / "done.json").write_text(json.dumps({"video": name, "settings": "x"}))
        outcomes.append(VideoOutcome(name, result.info.path, result, None, place))
    outcomes += [VideoOutcome(name, Path(name), None, "it is broken", None) for name in failed]
    save_tables(folder, outcomes)
    (folder / "run.json").write_text(json.dumps({"environment": {"date_utc": "2024-05-01T12:00:00+00:00"}}))
    return folder


def rewrite(run, old, new):
    """Change a word of ``videos.csv``."""
    table = (run / "videos.csv").read_text(encoding="utf-8")
    assert old in table
    (run / "videos.csv").write_text(table.replace(old, new), encoding="utf-8")


NAMES = ("S1/C1/DCIM/100MEDIA/-a ü.mp4", "=b.mp4")


def test_a_run_is_found_with_its_failures(tmp_path):
    run = save_run(tmp_path, {name: build(Path("/v") / name) for name in NAMES}, failed=["c.mp4"])
    results = find_results(run)
    assert results.videos == {"=b.mp4": run / "videos/v1", NAMES[0]: run / "videos/v0"}
    assert results.failed == (("c.mp4", "it is broken"),)
    assert results.analysed == "2024-05-01T12:00:00+00:00"
    two, one = read_recordings(results)
    assert (one.name, one.site, one.camera, one.light, one.machine) == (NAMES[0], "S1", "C1", "day", True)
    assert (two.name, two.site, two.camera) == ("=b.mp4", "", "")


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda run: (run / "videos.csv").unlink(), "is no folder of results"),
        (lambda run: (run / "videos/v0/done.json").unlink(), "line 2: the result of .* is not in"),
        (lambda run: rewrite(run, "a.mp4", "../../x.mp4"), "line 2: '../../x.mp4' is no name of a video"),
        (lambda run: rewrite(run, "videos/v0", "videos/../videos/v0"), "line 2: the result of .* is not in"),
        (lambda run: rewrite(run, "videos/v0", str(run / "videos/v0")), "line 2: the result of .* is not in"),
        (lambda run: (run / "videos/v0/result.json").write_text("{}"), "result.json is in format"),
        (lambda run: (run / "run.json").write_text("[]"), "run.json is damaged"),
        (
            lambda run: (run / "videos.csv").write_text("a,b\n"),
            "no line names the columns video, status, error, folder",
        ),
    ],
)
def test_what_is_damaged_is_said(tmp_path, break_it, said):
    run = save_run(tmp_path, {"a.mp4": build(Path("/v/a.mp4"))})
    break_it(run)
    with pytest.raises(DatasetError, match=said):
        list(read_recordings(find_results(run)))


def test_results_become_labels_that_can_be_corrected(tmp_path):
    bouts = [Bout(1, "walk", 0.2, 0.5, 0.6), Bout(1, "rest", 0.5, 0.52, 0.6), Bout(1, "walk", 0.52, 0.8, 0.6)]
    recordings = [
        Recording(
            "a/x.mp4", build(tmp_path / "v/a/x.mp4", bouts=bouts), recorded="2024-05-01T12:00:00", site="a"
        ),
        Recording("y.mp4", build(tmp_path / "v/y.mp4", tracks=0, pts=[*range(9), 20])),
    ]
    dataset = to_dataset(tmp_path, iter(recordings))
    assert (dataset.root, dataset.species) == (tmp_path / "v", ("fox", "red deer"))
    assert dataset.actions == ("rest", "walk")
    one, two = dataset.videos
    assert [(a.action, a.start_frame, a.end_frame) for a in one.actions] == [
        ("walk", 2, 5),
        ("rest", 5, 6),
        ("walk", 6, 8),
    ]
    assert (one.info.path, one.recorded, one.site) == (tmp_path / "v/a/x.mp4", "2024-05-01T12:00:00", "a")
    assert two.tracks == ()
    assert dataset.dropped == ("the uneven times of the frames of 1 video",)


def test_videos_from_several_folders_are_called_below_the_results(tmp_path):
    recordings = [
        Recording(name, build(Path("/v") / part / name)) for part, name in (("1", "x.mp4"), ("2", "y.mp4"))
    ]
    dataset = to_dataset(tmp_path, iter(recordings))
    assert [video.info.path for video in dataset.videos] == [tmp_path / "x.mp4", tmp_path / "y.mp4"]


def test_a_bout_between_two_frames_is_counted(tmp_path):
    result = build(tmp_path / "x.mp4", bouts=[Bout(1, "walk", 0.31, 0.39, 0.6)])
    dataset = to_dataset(tmp_path, iter([Recording("x.mp4", result)]))
    assert dataset.videos[0].actions == ()
    assert dataset.dropped == ("1 bout shorter than a frame",)


def test_labels_become_recordings_and_back(tmp_path):
    bouts = (Bout(1, "walk", 0.2, 0.5, 1.0), Bout(1, "rest", 0.5, 0.8, 1.0))
    dataset = to_dataset(tmp_path, iter([Recording("x.mp4", build(tmp_path / "x.mp4", bouts=bouts))]))
    (recording,) = read_dataset_recordings(dataset)
    assert (recording.name, recording.result.bouts, recording.machine) == ("x.mp4", bouts, False)
    video = dataset.videos[0]
    unknown = replace(dataset, videos=(replace(video, info=replace(video.info, fps=Fraction(0))),))
    with pytest.raises(OutputError, match=r"frame rate of .* is unknown"):
        list(read_dataset_recordings(unknown, pictures=True))
    unknown = replace(dataset, videos=(replace(video, info=replace(video.info, frames=None)),))
    with pytest.raises(OutputError, match=r"number of frames of .* is unknown"):
        list(read_dataset_recordings(unknown))
