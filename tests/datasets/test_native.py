import csv
import json
from fractions import Fraction

import numpy as np
import pytest

from wildact.datasets import load_dataset
from wildact.errors import DatasetError
from wildact.masks import encode_mask


def content():
    """One video of 3 frames, one fox that is hidden on the second."""
    mask = np.zeros((20, 30), bool)
    mask[4:10, 5:15] = True
    rle = {"size": [20, 30], "counts": encode_mask(mask).counts.decode()}
    return {
        "info": {"description": "test"},
        "categories": [{"id": 2, "name": "red fox"}, {"id": 1, "name": "red deer"}],
        "actions": [{"id": 1, "name": "walking"}, {"id": 2, "name": "resting"}],
        "videos": [
            {
                "id": 7,
                "file_name": "videos/a/b/c.mp4",
                "width": 30,
                "height": 20,
                "length": 3,
                "fps": "30000/1001",
                "site": "a",
                "camera": "b",
                "light": "ir",
                "recorded": None,
            }
        ],
        "annotations": [
            {
                "id": 1,
                "video_id": 7,
                "track_id": 4,
                "category_id": 2,
                "segmentations": [rle, None, rle],
                "bboxes": [[5, 4, 10, 6], None, [5, 4, 10, 6]],
                "areas": [60, None, 60],
            }
        ],
    }


ROWS = [["videos/a/b/c.mp4", 4, "walking", 0, 1], ["videos/a/b/c.mp4", 4, "resting", 1, 3]]


def write(folder, data=None, rows=ROWS, header="video,track_id,action,start_frame,end_frame"):
    (folder / "annotations.json").write_text(json.dumps(data or content()))
    with (folder / "actions.csv").open("w", newline="") as file:
        file.write(header + "\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
    return folder


def test_what_is_written_is_read(tmp_path):
    dataset = load_dataset(write(tmp_path))
    assert dataset.species == ("red deer", "red fox")
    assert dataset.actions == ("walking", "resting")
    (video,) = dataset.videos
    assert video.info.fps == Fraction(30000, 1001)
    assert video.info.path == tmp_path / "videos/a/b/c.mp4"
    (track,) = video.tracks
    assert track.label == "red fox"
    assert track.frames.tolist() == [0, 2]
    assert track.boxes[0].tolist() == [5, 4, 15, 10]
    assert [(a.action, a.start_frame, a.end_frame) for a in video.actions] == [
        ("walking", 0, 1),
        ("resting", 1, 3),
    ]


def change(path, value):
    """A broken copy of the annotations: ``path`` leads to the entry that is replaced (or removed by ...)."""
    data = content()
    place = data
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("videos", 0, "fps"), "25/0", "entry 7: fps"),
        (("videos", 0, "width"), ..., "entry 7: 'width' is absent"),
        (("videos", 0, "light"), "dark", "light 'dark'"),
        (("videos", 0, "file_name"), "../../etc/passwd", "stay within the folder"),
        (("videos", 0, "file_name"), "other.mp4", "is not in annotations.json"),
        (("videos", 0, "length"), 2, "goes on after the last frame"),
        (("annotations", 0, "bboxes"), [None, None, None], "not visible on any frame"),
        (("annotations", 0, "bboxes"), [[5, 4, 10, 0], None, None], "frame 0 is empty"),
        (("annotations", 0, "bboxes"), [[25, 4, 10, 6], None, None], "outside the frame"),
        (("annotations", 0, "bboxes"), [[5, 4, 10, 6]], "1 bboxes but 3 segmentations"),
        (("annotations", 0, "category_id"), 9, "9 is absent or unknown"),
        (("annotations", 0, "track_id"), ..., "'track_id' is absent"),
        (
            ("annotations", 0, "segmentations"),
            [{"size": [2, 2], "counts": [4]}, None, None],
            "not of the frame's size",
        ),
        (("annotations", 0, "segmentations"), [{"size": [2, 2]}, None, None], "counts"),
        (("annotations",), {}, "'annotations' must be a list"),
        (("categories",), [{"id": 1}], "needs a numeric 'id'"),
    ],
)
def test_broken_annotations_are_said_with_file_entry_and_reason(tmp_path, path, value, said):
    with pytest.raises(DatasetError, match=said) as caught:
        load_dataset(write(tmp_path, change(path, value)))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["videos/a/b/c.mp4", 4, "flying", 0, 1]], "line 2: unknown action 'flying'"),
        ([["videos/a/b/c.mp4", 4, "walking", 2, 2]], "are not a range"),
        ([["videos/a/b/c.mp4", 4, "walking", 0, 9]], "ends after the last frame"),
        ([["videos/a/b/c.mp4", 5, "walking", 0, 1]], "track 5, which is not there"),
        ([["videos/a/b/c.mp4", "x", "walking", 0, 1]], "whole numbers"),
        ([[*ROWS[0][:4], 2], ROWS[1]], "overlap at frame 1"),
    ],
)
def test_broken_actions_are_said_with_their_line(tmp_path, rows, said):
    with pytest.raises(DatasetError, match=said):
        load_dataset(write(tmp_path, rows=rows))


def test_files_that_are_missing_or_something_else(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        load_dataset(tmp_path)
    write(tmp_path, header="a,b")
    with pytest.raises(DatasetError, match="first line must be"):
        load_dataset(tmp_path)
    (tmp_path / "annotations.json").write_text("{")
    with pytest.raises(DatasetError, match="is not JSON"):
        load_dataset(tmp_path)
    (tmp_path / "annotations.json").write_text("[]")
    with pytest.raises(DatasetError, match="must hold a JSON object"):
        load_dataset(tmp_path)


def test_a_spreadsheet_s_mark_is_read_over_and_other_encodings_are_said(tmp_path):
    write(tmp_path)
    path = tmp_path / "actions.csv"
    text = path.read_text()
    path.write_text(text, encoding="utf-8-sig")
    assert load_dataset(tmp_path).videos[0].actions
    path.write_bytes(text.replace("walking", "l\u00e4uft").encode("latin-1"))
    with pytest.raises(DatasetError, match="UTF-8"):
        load_dataset(tmp_path)


def test_an_annotation_of_no_video_is_said(tmp_path):
    data = content()
    data["annotations"][0]["video_id"] = 99
    write(tmp_path, data)
    with pytest.raises(DatasetError, match="of video 99"):
        load_dataset(tmp_path)
