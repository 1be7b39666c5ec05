import csv
import json
from contextlib import suppress
from copy import deepcopy
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildact.datasets import load_dataset
from wildact.datasets.native.read import read_dataset
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
        (("annotations", 0, "category_id"), 9, "category_id 9 is not among the categories"),
        (("annotations", 0, "track_id"), ..., "'track_id' is absent"),
        (
            ("annotations", 0, "segmentations"),
            [{"size": [2, 2], "counts": [4]}, None, None],
            "not of the frame's size",
        ),
        (("annotations", 0, "segmentations"), [{"size": [2, 2]}, None, None], "counts"),
        (("annotations",), {}, "'annotations' must be a list"),
        (("annotations", 0, "segmentations"), [{"size": [20, 30], "counts": "zzzz"}, None, None], "frame 0"),
        (("annotations", 0, "segmentations"), [[[5, 4, 15, 4, 15, 10]], None, None], "run-length mask"),
        (("annotations", 0, "segmentations"), 3, "segmentations must be a list, not 3"),
        (("annotations", 0, "bboxes"), [[5, 4, -10, 6], None, None], "frame 0 is empty"),
        (("annotations", 0, "bboxes"), [[5, 4, 10, 6, 5, 4, 10, 6], None, None], "frame 0 is empty"),
        (("annotations", 0, "bboxes"), [None, None, [5, 4, float("nan"), 6]], "frame 2 is empty"),
        (("annotations", 0, "bboxes"), [["5", 4, 10, 6], None, None], "frame 0 is empty"),
        (("annotations", 0, "bboxes"), [[5, 4, 1e-9, 6], None, None], "frame 0 is empty"),
        (("annotations", 0, "occluded"), [0], "occluded must hold"),
        (("annotations", 0, "iscrowd"), "no", "iscrowd must be 0 or 1"),
        (("annotations", 0, "track_id"), 10**40, "track_id must be a whole number from 0 to"),
        (("annotations", 0, "track_id"), True, "track_id must be a whole number"),
        (("annotations", 0, "id"), [1], r"annotations\[0\]: it needs an 'id'"),
        (("annotations", 0, "video_id"), {}, "of video {}"),
        (("annotations",), [3], r"annotations\[0\]: it must be an object"),
        (("videos", 0, "width"), -30, "width must be a whole number from 1 to 16384, not -30"),
        (("videos", 0, "length"), float("inf"), "length must be a whole number"),
        (("videos", 0, "length"), 2**31, "length must be a whole number from 1 to"),
        (("videos", 0, "fps"), "1e999999999", "entry 7: fps"),
        (("videos", 0, "fps"), "0/5", "entry 7: fps"),
        (("videos", 0, "file_name"), "C:\\videos\\c.mp4", "stay within the folder"),
        (("videos", 0, "file_name"), "videos/c\0.mp4", "without control characters"),
        (("videos", 0, "file_name"), "\ud800.mp4", "without control characters"),
        (("videos", 0, "file_name"), ".", "stay within the folder"),
        (("videos", 0, "site"), None, "site must be text"),
        (("videos", 0, "recorded"), 2024, "recorded must be a date as text"),
        (("info",), "none", "'info' must be an object"),
        (("info",), {"scale": float("nan")}, "JSON cannot hold what is in it"),
        (("info",), {"by": "\ud800"}, "JSON cannot hold what is in it"),
        (("categories",), [{"id": 1}], "entry 1: 'name' is absent"),
        (("categories",), [{"id": "a", "name": "fox"}], "entry a: id must be a whole number"),
        (("categories",), [{"id": 1, "name": "fox"}, {"id": 2, "name": "fox"}], "have the name 'fox'"),
        (("categories",), [{"id": 2, "name": "fox"}, {"id": 2, "name": "boar"}], "have the same id"),
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
        ([[*ROWS[0][:4], 2], ROWS[1]], "line 3: .* overlap at frame 1"),
        ([ROWS[0][:3]], "line 2: 3 values for 5 columns"),
        ([[*ROWS[0], ""]], "line 2: 6 values for 5 columns"),
        ([["videos/a/b/c.mp4", "9" * 5000, "walking", 0, 1]], "whole numbers"),
        ([["x" * 200_000, 4, "walking", 0, 1]], "cannot be read"),
    ],
)
def test_broken_actions_are_said_with_their_line(tmp_path, rows, said):
    raised = csv.field_size_limit(2**17)  # Python's own; other libraries raise it
    try:
        with pytest.raises(DatasetError, match=said):
            load_dataset(write(tmp_path, rows=rows))
    finally:
        csv.field_size_limit(raised)


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
    (tmp_path / "annotations.json").write_text("[" * 100_000)
    with pytest.raises(DatasetError, match="too deeply nested"):
        load_dataset(tmp_path)
    (tmp_path / "annotations.json").write_text("9" * 5000)
    with pytest.raises(DatasetError, match="is not JSON"):
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


def test_a_number_may_be_written_as_a_fraction(tmp_path):
    """As pandas writes whole numbers of a column with a gap."""
    data = content()
    data["annotations"][0]["track_id"] = 4.0
    (video,) = load_dataset(write(tmp_path, data)).videos
    assert [action.track_id for action in video.actions] == [4, 4]


def test_two_videos_of_one_file_are_said(tmp_path):
    data = content()
    data["videos"].append(data["videos"][0] | {"id": 8, "file_name": "videos/a//b/c.mp4"})
    with pytest.raises(DatasetError, match="two entries of 'videos' name the file"):
        load_dataset(write(tmp_path, data))


def test_names_of_other_alphabets_and_unknown_places_are_read(tmp_path):
    data = content()
    data["categories"][0]["name"] = "آهو\u200cی ایرانی"
    data["videos"][0] |= {"site": "", "camera": 3, "light": None, "fps": 25}
    (video,) = load_dataset(write(tmp_path, data)).videos
    assert (video.site, video.camera, video.light, video.info.fps) == ("", "3", None, 25)
    assert video.tracks[0].label == "آهو\u200cی ایرانی"


def test_all_errors_are_reported_and_what_is_left_is_read(tmp_path):
    data = content()
    second = deepcopy(data["annotations"][0]) | {"id": 1, "track_id": 5, "category_id": 1}
    second["bboxes"] = [[5, 4, -1, 6], None, [25, 4, 10, 6]]
    data["annotations"] += [second, second | {"id": 3, "video_id": 70}]
    data["videos"].append(data["videos"][0] | {"id": 8, "file_name": "d.mp4", "width": 0, "fps": "x"})
    rows = [*ROWS, ["d.mp4", 1, "walking", 0, 1], ["e.mp4", 1, "flying", 0, 1], ["e.mp4", 1, "walking", 2, 1]]
    findings = []
    dataset = read_dataset(write(tmp_path, data, rows), findings.append)
    assert [(finding.kind.title, finding.entry) for finding in findings] == [
        ("malformed entry", "videos entry 8"),
        ("malformed entry", "videos entry 8"),
        ("given twice", "annotations entry 1"),
        ("broken box", "annotations entry 1"),
        ("box outside the frame", "annotations entry 1"),
        ("broken box", "annotations entry 3"),
        ("refers to what is not there", "annotations entry 3"),
        ("refers to what is not there", "line 4"),
        ("refers to what is not there", "line 5"),
        ("refers to what is not there", "line 5"),
        ("malformed entry", "line 6"),
    ]
    (video,) = dataset.videos
    assert [track.track_id for track in video.tracks] == [4, 5]
    assert video.tracks[1].frames.tolist() == [2]
    assert len(video.actions) == 2


JUNK = (
    st.none()
    | st.booleans()
    | st.sampled_from([-1, 0, 1, 7, 2**31, 10**30, -0.5, 1e300, float("nan"), float("inf"), "", "zzzz", "7"])
    | st.sampled_from(["../x", "\ud800", "\x1b[31m", [], {}, [[]], [None], {"id": []}, [1, 2], "1/0", "ä"])
    | st.text(max_size=3)
)


@st.composite
def damaged(draw):
    """A valid data set of which some entries, anywhere, are replaced, deleted or doubled."""
    data, rows = content(), deepcopy(ROWS)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([data, rows]))
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = draw(st.sampled_from(list(keys)))
            deeper = place[key]
            if isinstance(deeper, dict | list) and deeper and draw(st.integers(0, 5)):
                place = deeper
                continue
            change = draw(st.sampled_from(["replace", "replace", "delete", "double"]))
            if change == "replace" and (place is not rows):
                place[key] = deepcopy(draw(JUNK))  # a later change must not alter what is drawn from
            elif change == "double" and isinstance(place, list):
                place.append(deepcopy(deeper))
            else:
                del place[key]
            break
    return data, [[str(cell).replace("\ud800", "?") for cell in row] for row in rows]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged())
def test_a_damaged_data_set_is_read_or_refused_and_nothing_else(tmp_path, broken):
    write(tmp_path, *broken)
    findings = []
    left = read_dataset(tmp_path, findings.append)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        with pytest.raises(DatasetError) as caught:
            load_dataset(tmp_path)
        assert str(caught.value) == str(errors[0])
        assert "\x1b" not in str(caught.value)
    else:
        assert len(load_dataset(tmp_path).videos) == len(left.videos)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 900), st.booleans())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(tmp_path, noise, place, table):
    path = write(tmp_path) / ("actions.csv" if table else "annotations.json")
    intact = path.read_bytes()
    path.write_bytes(intact[:place] + noise + intact[place + len(noise) :])
    with suppress(DatasetError):
        load_dataset(tmp_path)
