import errno
import json
import os
from dataclasses import replace

import pytest

from wildact.datasets import load_dataset
from wildact.datasets.split import save_split, split_dataset
from wildact.datasets.stats import count_tracks
from wildact.errors import DatasetError, OutputError, UsageError

FOX = ("fox", ("walking", 0, 6), ("resting", 6, 12))
DEER = ("deer", ("resting", 0, 12))
HALVES = {"train": 1, "test": 1}


@pytest.fixture
def sites(make_set, tmp_path):
    """Ten sites of two cameras with a video each: an animal of one species on each site."""
    rows = [
        (f"{site}/{camera}.mp4", f"S{site}", f"C{camera}", [FOX if site % 2 else DEER])
        for site in range(10)
        for camera in range(2)
    ]
    return make_set(tmp_path / "sites", rows)


@pytest.mark.parametrize("by", ["site", "camera", "video"])
def test_what_belongs_together_stays_together_and_species_are_balanced(sites, by):
    parts = split_dataset(sites, {"train": 0.6, "val": 0.2, "test": 0.2}, by=by)
    assert [len(part.videos) for part in parts] == [12, 4, 4]
    assert sorted(video for part in parts for video in part.groups) == sorted(
        {
            v.site if by == "site" else f"{v.site}/{v.camera}" if by == "camera" else name(sites, v)
            for v in sites.videos
        }
    )
    places = [{video.site for video in part.videos} for part in parts]
    if by == "site":
        assert not places[0] & places[1] | places[0] & places[2] | places[1] & places[2]
    assert [count_tracks(part.videos, sites.species) for part in parts] == [
        {"fox": 6, "deer": 6}, {"fox": 2, "deer": 2}, {"fox": 2, "deer": 2},
    ]  # fmt: skip


def name(dataset, video):
    return video.info.path.relative_to(dataset.root).as_posix()


def test_the_seed_alone_decides(sites):
    one, other = (split_dataset(sites, HALVES, seed=1) for _ in range(2))
    shuffled = split_dataset(replace(sites, videos=sites.videos[::-1]), HALVES, seed=1)
    assert one == other
    assert [part.groups for part in one] == [part.groups for part in shuffled]


@pytest.mark.parametrize(
    ("shares", "by", "error", "said"),
    [
        ({"all": 1}, "site", UsageError, "at least two parts"),
        ({"a": 1, "b": 0}, "site", UsageError, "share above 0"),
        ({"a": 1, "b": float("nan")}, "site", UsageError, "share above 0"),
        ({"..": 1, "b": 1}, "site", UsageError, "letters and digits"),
        (HALVES, "day", UsageError, "not by 'day'"),
        ({"a": 1, "b": 1, "c": 1}, "site", DatasetError, "2 sites, too few for 3 parts; split by camera"),
    ],
)
def test_impossible_splits_are_said(good, shares, by, error, said):
    with pytest.raises(error, match=said):
        split_dataset(good, shares, by=by)


def test_videos_that_do_not_say_their_site_are_said(make_set, tmp_path):
    dataset = make_set(tmp_path / "x", [("1.mp4", "", "", []), ("2.mp4", "", "", [])])
    with pytest.raises(DatasetError, match=r"1\.mp4 does not say its site"):
        split_dataset(dataset, HALVES)
    assert len(split_dataset(dataset, HALVES, by="video")) == 2


def test_parts_are_data_sets_with_linked_videos_and_all_that_was_written_there(good, tmp_path):
    path = good.root / "annotations.json"
    data = json.loads(path.read_text())
    data["videos"][0]["weather"] = data["licence"] = "näß"
    path.write_text(json.dumps(data))
    before = {file: file.read_bytes() for file in good.root.rglob("*") if file.is_file()}

    save_split(good, split_dataset(good, HALVES), tmp_path / "out", facts={"by": "site", "seed": 0})
    assert {file.name for file in tmp_path.iterdir()} == {"good", "out"}
    read = {part: load_dataset(tmp_path / "out" / part) for part in HALVES}
    videos = [video for dataset in read.values() for video in dataset.videos]
    assert sorted(video.site for video in videos) == ["A", "B"]
    for video, original in zip(sorted(videos, key=lambda v: v.site), good.videos, strict=True):
        assert video.info.path.samefile(original.info.path)
        assert [len(track) for track in video.tracks] == [12, 12]
        assert video.actions == original.actions
    assert {dataset.facts["split"]["part"] for dataset in read.values()} == set(HALVES)
    assert read["train"].facts["split"] == {"by": "site", "seed": 0, "part": "train", "share": 0.5}
    texts = [json.loads((tmp_path / "out" / part / "annotations.json").read_text()) for part in HALVES]
    assert all(text["licence"] == "näß" for text in texts)
    assert sum("weather" in text["videos"][0] for text in texts) == 1
    assert before == {file: file.read_bytes() for file in good.root.rglob("*") if file.is_file()}


def test_videos_can_be_copied(good, tmp_path):
    save_split(good, split_dataset(good, HALVES), tmp_path / "out", copy=True, facts={})
    (copy,) = (tmp_path / "out").rglob("22.mp4")
    assert copy.read_bytes() == (good.root / "b/22.mp4").read_bytes()
    assert not copy.samefile(good.root / "b/22.mp4")


def test_nothing_is_overwritten_and_nothing_half_written(good, tmp_path, monkeypatch):
    parts, out = split_dataset(good, HALVES), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        save_split(good, parts, out, facts={})
    with pytest.raises(OutputError, match="is not empty"):
        save_split(good, parts, out / "notes.txt", facts={})

    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match="on the same disk, or use --copy"):
        save_split(good, parts, tmp_path / "new", facts={})
    monkeypatch.undo()
    (good.root / "b/22.mp4").unlink()
    with pytest.raises(DatasetError, match=r"22\.mp4 is missing"):
        save_split(good, parts, tmp_path / "new", facts={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "out"]
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_a_video_that_takes_the_place_of_the_labels_is_refused(make_set, tmp_path):
    dataset = make_set(tmp_path / "x", [("annotations.json", "A", "1", []), ("2.mp4", "B", "1", [])])
    (tmp_path / "x/2.mp4").write_bytes(b"film")
    with pytest.raises(DatasetError, match="name of another file"):
        save_split(dataset, split_dataset(dataset, HALVES), tmp_path / "out", copy=True, facts={})
