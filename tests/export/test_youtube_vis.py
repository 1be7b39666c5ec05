"""The writer of the native data format."""

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from wildact.errors import OutputError
from wildact.export.youtube_vis import save_data_set
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask, mask_to_box
from wildact.types import Track, VideoInfo

HEIGHT, WIDTH, LENGTH = 20, 30, 6


def bitmap(frame: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:12, 3 + frame : 9 + frame] = True
    mask[6, 5 + frame] = False
    return mask


def labelled(folder: Path, **changes: Any) -> LabelledVideo:
    frames = np.array([1, 2, 5])
    masks = tuple(encode_mask(bitmap(k)) for k in frames)
    boxes = np.stack([mask_to_box(mask) for mask in masks])
    track = Track(1, changes.pop("label", "red fox"), 1.0, frames, boxes, np.ones(3, np.float32), masks)
    path = changes.pop("path", folder / "videos" / "A" / "A1" / "Wald, früh.mp4")
    length = changes.pop("length", LENGTH)
    info = VideoInfo(path, WIDTH, HEIGHT, Fraction(30000, 1001), length, None, "h264")
    actions = (
        ActionLabel(1, "running", 3, 6),
        ActionLabel(1, changes.pop("action", "walking"), 1, 3),
    )
    return LabelledVideo(info, "A", "A1", "ir", (track,), actions, "2024-03-01T04:05:06")


def save(folder: Path, *videos: LabelledVideo) -> dict[str, Any]:
    names = {"categories": ("wild boar", "red fox"), "actions": ("walking", "running")}
    save_data_set(folder, videos, info={"seed": 1}, **names)
    return json.loads((folder / "annotations.json").read_text(encoding="utf-8"))


def test_masks_come_back_and_hidden_frames_are_null(tmp_path: Path) -> None:
    track = save(tmp_path, labelled(tmp_path))["annotations"][0]
    assert [k for k, box in enumerate(track["bboxes"]) if box is not None] == [1, 2, 5]
    for k in range(LENGTH):
        if k in (1, 2, 5):
            assert np.array_equal(coco_mask.decode(track["segmentations"][k]), bitmap(k))
            assert track["bboxes"][k] == [3 + k, 4, 6, 8]
            assert track["areas"][k] == 47
        else:
            assert track["segmentations"][k] is track["areas"][k] is None
    assert track["category_id"] == 2


def test_the_video_is_described_exactly(tmp_path: Path) -> None:
    video = save(tmp_path, labelled(tmp_path))["videos"][0]
    assert video == {
        "id": 1,
        "file_name": "videos/A/A1/Wald, früh.mp4",
        "width": WIDTH,
        "height": HEIGHT,
        "length": LENGTH,
        "fps": "30000/1001",
        "site": "A",
        "camera": "A1",
        "light": "ir",
        "recorded": "2024-03-01T04:05:06",
    }


def test_actions_are_sorted_by_time_and_names_with_commas_survive(tmp_path: Path) -> None:
    save(tmp_path, labelled(tmp_path))
    with (tmp_path / "actions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    name = "videos/A/A1/Wald, früh.mp4"
    assert rows == [
        ["video", "track_id", "action", "start_frame", "end_frame"],
        [name, "1", "walking", "1", "3"],
        [name, "1", "running", "3", "6"],
    ]


def test_ids_count_on_over_videos(tmp_path: Path) -> None:
    document = save(tmp_path, labelled(tmp_path), labelled(tmp_path, path=tmp_path / "b.avi"))
    assert [(a["id"], a["video_id"], a["track_id"]) for a in document["annotations"]] == [
        (1, 1, 1),
        (2, 2, 1),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "yeti"}, "yeti"),
        ({"action": "flying"}, "flying"),
        ({"length": None}, "number of frames"),
        ({"length": 4}, "frame 5"),
        ({"path": Path("/elsewhere/x.mp4")}, "does not lie in"),
    ],
)
def test_what_does_not_fit_the_format_is_refused_and_nothing_written(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        save(tmp_path, labelled(tmp_path, **change))
    assert list(tmp_path.iterdir()) == []
