"""A clip list becomes whole-frame tracks with one action each; every mistake in it is named."""

import numpy as np
import pytest

from wildact.datasets import load_dataset, select_split
from wildact.errors import DatasetError


@pytest.fixture
def clips(tmp_path, film):
    """A folder with two clips and a function that writes its list."""
    (tmp_path / "eat").mkdir()
    for name in ("eat/a.mp4", "b.mp4"):
        film(tmp_path / name)

    def write(*rows, header="video,action,recording,split"):
        (tmp_path / "clips.csv").write_text("\n".join((header, *rows)) + "\n")
        return tmp_path

    return write


def test_a_clip_is_one_track_of_the_whole_frame(clips):
    dataset = load_dataset(clips("eat/a.mp4,eating,day1,train", "b.mp4,walking,,val"))
    assert dataset.actions == ("eating", "walking")
    assert dataset.species == ("animal",)
    walking, eating = dataset.videos
    assert (eating.split, eating.recording) == ("train", "day1")
    assert (walking.split, walking.recording) == ("val", "")
    (track,), (label,) = eating.tracks, eating.actions
    count, width, height = eating.info.frames, eating.info.width, eating.info.height
    assert track.frames.tolist() == list(range(count))
    np.testing.assert_array_equal(track.boxes, np.tile(np.float32([0, 0, width, height]), (count, 1)))
    assert set(track.masks) == {None}
    assert (label.action, label.start_frame, label.end_frame) == ("eating", 0, count)


def test_splits_are_selected_by_name(clips):
    dataset = load_dataset(clips("eat/a.mp4,eating,day1,train", "b.mp4,walking,,val"))
    (video,) = select_split(dataset, "val").videos
    assert video.info.path.name == "b.mp4"
    assert select_split(dataset, "val").actions == dataset.actions
    with pytest.raises(DatasetError, match="no split 'test'; it has train, val"):
        select_split(dataset, "test")


def test_data_without_splits_are_used_whole(clips):
    dataset = load_dataset(clips("eat/a.mp4,eating", header="video,action"))
    assert select_split(dataset, "train") is dataset


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("../b.mp4,eating,,", "line 2: the video '../b.mp4' is outside of"),
        ("c.mp4,eating,,", r"line 2: .*c\.mp4: no such file"),
        ("clips.csv,eating,,", r"line 2: .*clips\.csv: not a video"),
        ("b.mp4,,,", "line 2: the action of 'b.mp4' is empty"),
        (",eating,,", "line 2: the video is empty"),
        ("b.mp4,eating,,\nb.mp4,eating,,", "line 3: the video 'b.mp4' is listed twice"),
    ],
)
def test_a_bad_row_is_named(clips, row, message):
    with pytest.raises(DatasetError, match=message):
        load_dataset(clips(row))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("video,action,species", "unknown column 'species'; a clip list has the columns video, action"),
        ("video,behaviour", "no line names the columns video, action"),
        ("video,action", "lists no clip"),
    ],
)
def test_a_bad_header_is_named(clips, header, message):
    with pytest.raises(DatasetError, match=message):
        load_dataset(clips(header=header))
