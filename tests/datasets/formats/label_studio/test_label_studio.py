"""Label Studio's video exports."""

import json
from copy import deepcopy
from fractions import Fraction

import pytest

from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.label_studio.read import read_label_studio
from wildact.errors import DatasetError


def key(frame, x, *, enabled=True, **more):
    return {
        "frame": frame,
        "enabled": enabled,
        "x": x,
        "y": 10,
        "width": 10,
        "height": 20,
        "rotation": 0,
        **more,
    }


def box(region, sequence, label="fox", **value):
    value = {"sequence": sequence, "framesCount": 10, "labels": [label], **value}
    return {"id": region, "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value}


def bout(region, start, end, action="sleep", **more):
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [action]}
    return {"id": region, "type": "timelinelabels", "value": value, **more}


def task(*results, video="a.mp4", **more):
    return {"id": 4, "data": {"video": video}, "annotations": [{"result": list(results)}], **more}


def read(folder, *tasks, facts=Facts(size=(200, 100))):  # noqa: B008
    path = folder / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return read_label_studio(path, facts)


def test_boxes_move_between_keyframes_and_hide_after_one_that_is_not_enabled(tmp_path):
    keys = [key(2, 0), key(4, 10, enabled=False), key(7, 50), key(8, 60)]
    dataset = read(tmp_path, task(box("b", keys)))
    (track,) = dataset.videos[0].tracks
    assert track.frames.tolist() == [1, 2, 3, 6, 7, 8, 9]
    assert track.boxes[:, 0].tolist() == [0, 10, 20, 100, 120, 120, 120]
    assert track.boxes[0].tolist() == [0, 10, 20, 30]
    assert (track.label, dataset.videos[0].info.frames) == ("fox", 10)


def test_a_single_keyframe_that_is_not_enabled_is_one_frame(tmp_path):
    dataset = read(tmp_path, task(box("b", [key(5, 0, enabled=False)])))
    assert dataset.videos[0].tracks[0].frames.tolist() == [4]


def test_regions_that_wildact_has_no_place_for_are_counted(tmp_path):
    sex = {"id": "c", "type": "choices", "value": {"choices": ["male"]}}
    masks = [{"id": name, "type": "brushlabels", "value": {}} for name in "de"]
    dataset = read(tmp_path, task(box("b", [key(1, 0)]), sex, *masks))
    assert set(dataset.dropped) == {"1 region of the kind 'choices'", "2 regions of the kind 'brushlabels'"}


def test_an_action_belongs_to_its_parent_or_to_what_it_is_related_to(tmp_path):
    results = [
        box("r1", [key(1, 0)]),
        box("r2", [key(1, 50)], label="badger"),
        bout("t1", 1, 3, parentID="r2"),
        bout("t2", 4, 4, "dig"),
        {"type": "relation", "from_id": "t2", "to_id": "r1", "direction": "right"},
        bout("t3", 5, 6),
    ]
    dataset = read(tmp_path, task(*results))
    actions = dataset.videos[0].actions
    assert [(a.track_id, a.action, a.start_frame, a.end_frame) for a in actions] == [
        (1, "dig", 3, 4),
        (2, "sleep", 0, 3),
    ]
    assert dataset.dropped == ("1 bout of no animal",)
    assert dataset.species == ("fox", "badger")


def test_where_there_is_one_animal_actions_are_its_own(tmp_path):
    dataset = read(tmp_path, task(box("r1", [key(1, 0)]), bout("t", 2, 3)))
    assert [a.track_id for a in dataset.videos[0].actions] == [1]


def test_labels_may_stand_in_a_result_of_their_own(tmp_path):
    region = box("r", [key(1, 0)])
    del region["value"]["labels"]
    dataset = read(tmp_path, task(region, {"id": "r", "type": "labels", "value": {"labels": ["hare"]}}))
    assert dataset.videos[0].tracks[0].label == "hare"


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ("site/a.mp4", "site/a.mp4"),
        ("/data/upload/3/7f2-a.mp4", "7f2-a.mp4"),
        ("/data/local-files/?d=cards/x/a%20b.mp4", "a b.mp4"),
        ("s3://bucket/deep/a.mp4", "a.mp4"),
        ("https://example.org/v/a%C3%BC.mp4?token=1", "aü.mp4"),
    ],
)
def test_of_addresses_the_name_of_the_file_counts(tmp_path, video, name):
    assert read(tmp_path, task(video=video)).videos[0].info.path == tmp_path / name


def test_further_people_predictions_and_turned_boxes_are_counted(tmp_path):
    one = task(box("r", [key(1, 0, rotation=30)]), predictions=[{}, {}])
    one["annotations"] += [{"result": []}, {"result": [], "was_cancelled": True}]
    assert set(read(tmp_path, one).dropped) == {
        "1 annotation of a further person",
        "2 predictions",
        "1 region with turned boxes, which are taken as upright",
    }


def test_facts_that_wildact_wrote_come_first(tmp_path):
    one = task(box("r", [key(1, 50)]))
    one["data"]["wildact"] = {"width": 40, "height": 30, "fps": "30000/1001", "frames": 3, "light": "ir"}
    (video,) = read(tmp_path, one).videos
    assert (video.info.fps, video.info.frames, video.light) == (Fraction(30000, 1001), 3, "ir")
    assert video.tracks[0].boxes[0].tolist() == [20, 3, 24, 9]


def put(*keys_and_value):
    *keys, value = keys_and_value

    def change(document):
        place = document
        for one in keys[:-1]:
            place = place[one]
        place[keys[-1]] = value

    return change


RESULT = ("annotations", 0, "result", 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("data", {}), "task 4: its data name no 'video'"),
        (put("data", {"video": "../a.mp4"}), "task 4: .*outside the folder"),
        (
            put("annotations", 0, "result", {}),
            r"\[0\].annotations\[0\].result: input should be a valid array",
        ),
        (put(*RESULT, "value", "sequence", 0, "frame", 0), r"region r: sequence\[0\].frame: .*greater than"),
        (put(*RESULT, "value", "sequence", 0, "frame", 10**9), r"region r: sequence\[0\].frame: .*less than"),
        (put(*RESULT, "value", "sequence", 0, "x", "left"), r"region r: sequence\[0\].x: .*valid number"),
        (put(*RESULT, "value", "sequence", 0, "x", 95), "frame 0 lies outside the frame of 200 x 100"),
        (put(*RESULT, "value", "sequence", 0, "width", 0), "box of frame 0 is empty"),
        (put(*RESULT, "value", "sequence", 1, "frame", 1), "frame 1 is there twice"),
        (put(*RESULT, "value", "labels", []), "region r: it needs one label"),
        (put(*RESULT, "value", "labels", ["a", "b"]), "region r: it needs one label, and has 2"),
        (put(*RESULT, "value", "labels", ["\t"]), "cannot be the name of a species"),
        (put("annotations", 0, "result", 1, "id", "r"), "region 'r' is there twice"),
        (put("annotations", 0, "result", 2, "value", "ranges", 0, "end", 99), "after the video's end"),
        (put("annotations", 0, "result", 2, "value", "ranges", 0, "end", 1), "no range of frames"),
        (put("data", "wildact", {"width": "wide"}), "task 4: data.wildact: width"),
        (put("data", "wildact", {"light": "dark"}), "task 4: data.wildact: light"),
    ],
)
def test_broken_tasks_are_named(tmp_path, change, said):
    document = task(
        box("r", [key(1, 0), key(3, 0)]), box("q", [key(1, 0)]), bout("t", 3, 4, parentID="r")
    )  # fmt: skip
    document = deepcopy(document)
    change(document)
    with pytest.raises(DatasetError, match=said) as caught:
        read(tmp_path, document)
    assert "\n" not in str(caught.value)


def test_the_frame_size_must_be_known_and_no_video_is_there_twice(tmp_path):
    with pytest.raises(DatasetError, match=r"frame size of 'a\.mp4' is not told; give it"):
        read(tmp_path, task(box("r", [key(1, 0)])), facts=Facts())
    with pytest.raises(DatasetError, match="is there twice"):
        read(tmp_path, task(), task())
    (tmp_path / "export.json").write_text("[{")
    with pytest.raises(DatasetError, match=r"export\.json: not JSON"):
        read_label_studio(tmp_path / "export.json")
