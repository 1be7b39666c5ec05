from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.facts import Facts, complete, parse_rate
from wildact.decode import VideoWriter
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.types import Track, VideoInfo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two videos of 64 x 48 pixels: ``a/clip.mp4`` with 5 frames, ``b/other.mp4``."""
    root = tmp_path_factory.mktemp("videos")
    image = np.full((48, 64, 3), (40, 160, 60), np.uint8)
    for name in ("a/clip.mp4", "b/other.mp4"):
        (root / name).parent.mkdir()
        with VideoWriter(root / name, width=64, height=48, fps=Fraction(30000, 1001), codec="h264") as writer:
            for _ in range(5):
                writer.write(image)
    return root


def labels(name="clip.mp4", *, frames=(0, 2), **facts):
    found = np.array(frames, np.int64)
    boxes = np.tile(np.array([[1, 2, 30, 40]], np.float32), (len(found), 1))
    track = Track(1, "cow", 1.0, found, boxes, np.ones(len(found), np.float32), (None,) * len(found))
    info = replace(VideoInfo(Path("/l") / name, 0, 0, Fraction(0), None, None, "unknown"), **facts)
    return Dataset(Path("/l"), ("cow",), (), (LabelledVideo(info, "", "", None, (track,), ()),), {})


def test_facts_come_from_the_video_itself(folder):
    dataset, notes = complete(labels(), Facts(videos=folder))
    (video,) = dataset.videos
    assert video.info.path == folder / "a/clip.mp4"
    assert (video.info.width, video.info.height, video.info.frames) == (64, 48, 5)
    assert (video.info.fps, video.light) == (Fraction(30000, 1001), "day")
    assert (dataset.root, notes) == (folder, [])


def test_what_the_labels_tell_stays(folder):
    dataset, _ = complete(labels("task 1/clip.avi", fps=Fraction(30)), Facts(fps=Fraction(7), videos=folder))
    assert dataset.videos[0].info.fps == 30


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (labels("nothing.mp4"), "no video of the name 'nothing.mp4'"),
        (labels(width=640, height=480), "64 x 48 pixels, its labels are of 640 x 480"),
        (labels(frames=(0, 5)), "frames 0 to 5 are not all within the video"),
    ],
)
def test_labels_that_do_not_fit_the_video_are_said(folder, dataset, said):
    with pytest.raises(DatasetError, match=said):
        complete(dataset, Facts(videos=folder))


def test_two_videos_of_one_name_must_be_told_apart(folder, tmp_path):
    for name in ("x/clip.mp4", "y/clip.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((folder / "a/clip.mp4").read_bytes())
    with pytest.raises(DatasetError, match="2 files of the name"):
        complete(labels(), Facts(videos=tmp_path))
    dataset, _ = complete(labels("y/clip.mp4"), Facts(videos=tmp_path))
    assert dataset.videos[0].info.path == tmp_path / "y/clip.mp4"


def test_labels_of_two_videos_are_not_taken_for_those_of_one(folder):
    """Two people had a clip of this name, and the folder holds one."""
    one, other = labels("anna/clip.mp4"), labels("ben/clip.mp4")
    both = replace(one, videos=one.videos + other.videos)
    with pytest.raises(DatasetError, match=r"the video '.*a/clip\.mp4' is there twice"):
        complete(both, Facts(videos=folder))


def test_without_videos_the_user_s_word_counts_and_the_last_label_ends_the_video():
    dataset, notes = complete(labels(), Facts(fps=Fraction(12), size=(64, 48)))
    info = dataset.videos[0].info
    assert (info.fps, info.width, info.frames, info.duration) == (12, 64, 3, Fraction(1, 4))
    assert notes == ["the length of 1 video is taken to end with the last label"]
    with pytest.raises(DatasetError, match="lies outside the frame of 20 x 20"):
        complete(labels(), Facts(size=(20, 20)))


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("30000/1001", Fraction(30000, 1001)),
        (29.97002997002997, Fraction(30000, 1001)),
        (23.976023976023978, Fraction(24000, 1001)),
        (29.97, Fraction(2997, 100)),
        ("12.5", Fraction(25, 2)),
        (25, Fraction(25)),
    ],
)
def test_rates_are_exact(value, rate):
    assert parse_rate(value) == rate


@pytest.mark.parametrize("value", ["", "fast", "1/0", 0, -1.0, "1e9", "nan", float("inf")])
def test_what_is_no_rate(value):
    with pytest.raises(ValueError, match="no frame rate"):
        parse_rate(value)
