"""COCO, CocoVID and YouTube-VIS: what real files hold, and what is broken."""

import json
import re
from copy import deepcopy
from fractions import Fraction

import pytest

from wildact.datasets.formats.coco.coco import read_coco
from wildact.datasets.formats.coco.coco_vid import read_coco_vid
from wildact.datasets.formats.coco.youtube_vis import read_youtube_vis
from wildact.errors import DatasetError

SQUARE = [[10, 5, 20, 5, 20, 15, 10, 15]]
CATEGORIES = [{"id": 7, "name": "Wolf"}, {"id": 3, "name": "Luchs", "supercategory": "cat"}]
COCO = {
    "images": [
        {"id": 1, "file_name": "a/1.jpg", "width": 40, "height": 30},
        {"id": "x", "file_name": "a/2.jpg", "width": 20, "height": 30},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 7,
            "bbox": [10, 5, 10, 10],
            "segmentation": SQUARE,
            "area": 100,
        },
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3.5, 4], "iscrowd": 1},
    ],
    "categories": CATEGORIES,
}
COCO_VID = {
    "videos": [{"id": 5, "name": "a/v.mp4", "fps": 29.97002997002997, "width": 40, "height": 30}],
    "images": [
        {"id": k + 1, "video_id": 5, "frame_id": k, "file_name": f"{k}.jpg", "width": 40, "height": 30}
        for k in range(3)
    ],
    "annotations": [
        {"id": k, "image_id": k, "video_id": 5, "category_id": 7, "instance_id": 9, "bbox": [k, 2, 5, 5],
         "area": 25, "iscrowd": False, "occluded": k == 3}
        for k in (1, 3)
    ],
    "categories": CATEGORIES,
}  # fmt: skip
RLE = {"size": [30, 40], "counts": [155, 10, 20, 10, 1005]}
YOUTUBE_VIS = {
    "info": {},
    "videos": [
        {"id": 1, "width": 40, "height": 30, "length": 3, "file_names": [f"clip/{k}.jpg" for k in range(3)]},
    ],
    "annotations": [
        {"id": 1, "video_id": 1, "category_id": 3, "iscrowd": 0, "segmentations": [None, RLE, SQUARE],
         "bboxes": [None, [5, 5, 2, 10], None], "areas": [None, 20, 100]},
    ],
    "categories": CATEGORIES,
}  # fmt: skip
READERS = {
    "coco": (read_coco, COCO),
    "coco-vid": (read_coco_vid, COCO_VID),
    "ytvis": (read_youtube_vis, YOUTUBE_VIS),
}


def read(folder, name, change=lambda document: None):
    reader, document = READERS[name]
    document = deepcopy(document)
    change(document)
    path = folder / "labels.json"
    path.write_text(json.dumps(document), encoding="utf-8-sig")
    return reader(path)


def test_pictures_are_videos_of_one_frame(tmp_path):
    dataset = read(tmp_path, "coco")
    assert dataset.species == ("Luchs", "Wolf")
    first, second = dataset.videos
    assert (first.info.path, first.info.frames, first.info.fps) == (tmp_path / "a/1.jpg", 1, 0)
    wolf, lynx = first.tracks
    assert (wolf.label, wolf.boxes.tolist(), wolf.crowd) == ("Wolf", [[10, 5, 20, 15]], False)
    assert wolf.masks[0] is not None
    assert (lynx.label, lynx.boxes.tolist(), lynx.crowd) == ("Luchs", [[1, 2, 4.5, 6]], True)
    assert second.tracks == ()


def test_what_wildact_has_no_place_for_is_counted(tmp_path):
    def change(document):
        document["annotations"][0]["keypoints"] = [1, 2, 2]
        del document["annotations"][1]["bbox"]
        document["annotations"].append({"id": 4, "image_id": 1, "category_id": 3, "bbox": [1, 1, 0, 5]})

    dataset = read(tmp_path, "coco", change)
    assert [(track.label, track.crowd) for track in dataset.videos[0].tracks] == [
        ("Wolf", False),
        ("Luchs", True),  # of these, not all have a box
    ]
    assert set(dataset.dropped) == {
        "1 annotation with keypoints, which are left out",
        "2 annotations without a box",
    }


def test_boxes_are_cut_off_at_the_edge(tmp_path):
    dataset = read(tmp_path, "coco", put("annotations", 0, "bbox", [1, 2, 300, 3]))
    assert dataset.videos[0].tracks[0].boxes.tolist() == [[1, 2, 40, 5]]
    assert dataset.dropped == ("1 box that reaches beyond its image, cut off",)


def test_a_picture_whose_animal_has_no_box_is_left_out(tmp_path):
    """As in sets whose labels are of sequences: such a picture is not blank."""

    def change(document):
        document["annotations"].append({"id": 5, "image_id": "x", "category_id": 3, "bbox": []})
        document["images"][0]["location"] = "meadow"

    dataset = read(tmp_path, "coco", change)
    assert [video.site for video in dataset.videos] == ["meadow"]
    assert "1 image left out: no animal in it has a box" in dataset.dropped


def test_frames_of_videos_and_an_exact_rate(tmp_path):
    (video,) = read(tmp_path, "coco-vid").videos
    assert (video.info.fps, video.info.frames) == (Fraction(30000, 1001), 3)
    (track,) = video.tracks
    assert (track.track_id, track.frames.tolist()) == (9, [0, 2])
    assert track.occluded.tolist() == [False, True]


def test_pictures_without_a_size_have_that_of_their_video(tmp_path):
    def change(document):
        document["videos"][0] |= {"width": 40, "height": 30}
        for picture in document["images"]:
            picture.pop("width", None), picture.pop("height", None)
        document["annotations"][0]["segmentation"] = [[1, 1, 9, 1, 9, 9, 1, 9]]

    (video,) = read(tmp_path, "coco-vid", change).videos
    assert (video.info.width, video.info.height) == (40, 30)
    (mask,) = [mask for mask in video.tracks[0].masks if mask is not None]
    assert (mask.width, mask.height) == (40, 30)


def test_lists_over_all_frames(tmp_path):
    dataset = read(tmp_path, "ytvis")
    (video,) = dataset.videos
    assert video.info.path == tmp_path / "clip"
    (track,) = video.tracks
    assert track.frames.tolist() == [1, 2]
    assert track.boxes.tolist() == [[5, 5, 7, 15], [10, 5, 20, 15]]


def put(*keys_and_value):
    *keys, value = keys_and_value

    def change(document):
        place = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "coco",
            put("annotations", 0, "bbox", ["a", 1, 2, 3]),
            "is not a box",
        ),
        ("coco", put("annotations", 0, "bbox", [1, 2, 3]), "is not a box"),
        ("coco", put("annotations", 0, "bbox", [100, 2, 3, 3]), "outside the image of 40 x 30"),
        ("coco", put("annotations", 0, "bbox", [1, 2, -3, 3]), "annotations entry 1: the box .* below 0"),
        ("coco", put("annotations", 0, "bbox", [1, 2, float("nan"), 3]), "is not a number"),
        ("coco", put("annotations", 0, "category_id", 9), "annotations entry 1: category_id 9 is not among"),
        ("coco", put("annotations", 0, "image_id", 9), "of image 9, which 'images' does not list"),
        ("coco", put("annotations", 1, "id", 1), "two entries of 'annotations' have the same id"),
        ("coco", put("images", 1, "id", 1), "two entries of 'images' have the same id"),
        ("coco", put("images", 1, "file_name", "a/1.jpg"), "two images name the file"),
        ("coco", put("images", 1, "file_name", "../1.jpg"), "must stay within the folder"),
        ("coco", put("images", 1, "file_name", "a\n.jpg"), "without control characters"),
        ("coco", put("images", 1, "width", -4), "width must be a whole number"),
        ("coco", put("categories", 1, "name", "Wolf"), "two entries of 'categories' have the name 'Wolf'"),
        ("coco", put("categories", 1, "name", " "), "name must be text"),
        ("coco", put("annotations", {}), "'annotations' must be a list"),
        ("coco", put("annotations", 0, "segmentation", [[1, 2, 3]]), "at least three points"),
        ("coco", put("annotations", 0, "segmentation", [[1, 2, 3, 4, 5, 1e9]]), "far outside"),
        (
            "coco",
            put("annotations", 0, "segmentation", {"size": [1, 2], "counts": "zz"}),
            "annotations entry 1: ",
        ),
        (
            "coco",
            put("annotations", 0, "segmentation", {"size": [3, 4], "counts": [12]}),
            "4 x 3 pixels, not 40 x 30",
        ),
        ("coco", put("annotations", 0, "segmentation", "x"), "neither polygons nor run lengths"),
        ("coco-vid", put("annotations", 0, "instance_id", None), r"annotations\[0\].instance_id"),
        ("coco-vid", put("annotations", 1, "image_id", 1), "two boxes for frame 0"),
        ("coco-vid", put("annotations", 1, "category_id", 3), "another category or iscrowd elsewhere"),
        ("coco-vid", put("images", 1, "frame_id", 0), "frame_id 0 is there twice"),
        ("coco-vid", put("images", 1, "frame_id", 10**8), "cannot have 100000001 frames"),
        ("coco-vid", put("images", 1, "width", 41), "different sizes"),
        ("coco-vid", put("images", 1, "video_id", 6), "there is no video 6"),
        ("coco-vid", put("videos", 0, "fps", -1), "no frame rate"),
        ("coco-vid", put("videos", 0, "name", "a/../../b"), "outside the folder"),
        ("ytvis", put("annotations", 0, "bboxes", [None]), "1 boxes and 3 segmentations"),
        ("ytvis", put("annotations", 0, "video_id", 2), "of video 2"),
        ("ytvis", put("videos", 0, "length", 2), "but the video has 2 frames"),
        ("ytvis", put("videos", 0, "length", 10**9), "cannot have 1000000000 frames"),
        ("ytvis", put("videos", 0, "file_names", ["/etc/passwd/1.jpg"]), "outside the folder"),
        ("ytvis", put("annotations", 0, "track_id", -1), r"annotations\[0\].track_id"),
    ],
)
def test_broken_entries_are_named(tmp_path, name, change, said):
    with pytest.raises(DatasetError, match=said) as caught:
        read(tmp_path, name, change)
    assert "labels.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"images": [', "[" * 100_000, b"\xff\xfe{", '{"a": "\\ud800"}']
)
def test_what_is_no_such_document_is_said(tmp_path, name, text):
    path = tmp_path / "labels.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DatasetError, match=r"labels\.json: "):
        READERS[name][0](path)
    with pytest.raises(DatasetError, match="does not exist"):
        READERS[name][0](tmp_path / "nothing.json")


@pytest.mark.parametrize("info", ['{"scale": NaN}', '{"by": "\\ud800"}', '{"scale": 1e999}'])
def test_facts_that_no_file_could_hold_are_refused(tmp_path, info):
    path = tmp_path / "c.json"
    path.write_text(
        f'{{"info": {info}, "images": [], "annotations": [], "categories": []}}', encoding="utf-8"
    )
    with pytest.raises(DatasetError, match=re.escape(str(path))):
        read_coco(path)


def test_an_info_that_is_no_object_says_nothing(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"info": [], "images": [], "annotations": [], "categories": []}')
    assert read_coco(path).facts == {}
