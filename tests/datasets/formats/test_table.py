import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.guess import guess_format, guess_target
from wildact.datasets.formats.losses import FEATURES
from wildact.datasets.formats.table import FORMATS, Format, list_losses
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask, mask_to_box
from wildact.types import Track, VideoInfo

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"


def example():
    """Two videos, one of them blank; a fox on two frames, with a mask on one, and three bouts."""
    bitmap = np.zeros((20, 30), bool)
    bitmap[2:5, 3:9] = True
    rle = encode_mask(bitmap)
    frames, scores = np.array([0, 4]), np.array([1, 0.5], np.float32)
    boxes = np.stack([mask_to_box(rle) - 1, mask_to_box(rle)])
    track = Track(1, "fox", 1.0, frames, boxes, scores, (rle, None), np.array([True, False]), crowd=True)
    actions = (ActionLabel(1, "run", 0, 2), ActionLabel(1, "run", 2, 4), ActionLabel(1, "eat", 3, 5))
    info = VideoInfo(Path("/d/a.mp4"), 30, 20, 25, 5, None, "unknown")
    blank = LabelledVideo(VideoInfo(Path("/d/b.mp4"), 30, 20, 25, 5, None, "unknown"), "s", "", "ir", (), ())
    video = LabelledVideo(info, "s", "c", "day", (track,), actions, "2024-01-01T00:00:00")
    return Dataset(Path("/d"), ("fox", "hare"), ("run", "eat", "dig"), (video, blank), {"seed": 7})


def test_losses_are_counted():
    assert list_losses(example(), FORMATS["native"]) == [
        "1 bout within another of the same animal",
        "1 score",
    ]
    assert list_losses(example(), FORMATS["mot"]) == [
        "1 mask",
        "2 actions in 3 bouts",
        "1 score",
        "1 mark 'partly hidden'",
        "1 mark of a crowd",
        "1 action that no animal does",
        "the site of 2 videos",
        "the camera of 1 video",
        "the light of 2 videos",
        "the time of recording of 1 video",
        "1 fact of the data set as a whole (seed)",
    ]
    assert list_losses(example(), FORMATS["mots"])[:2] == [
        "1 box without a mask",
        "1 box wider than its mask",
    ]
    assert "the order of 10 frames in 2 videos" in list_losses(example(), FORMATS["coco"])
    assert "which of 2 boxes are the same animal (1 track)" in list_losses(example(), FORMATS["coco"])
    assert "1 border between bouts of the same action" in list_losses(example(), FORMATS["cvat"])


def test_nothing_is_said_where_there_is_nothing_to_lose():
    empty = Dataset(Path("/d"), (), (), (), {})
    for format_ in FORMATS.values():
        assert list_losses(empty, format_) == []


def test_bouts_of_one_action_that_overlap_are_told_apart_from_other_simultaneous_ones():
    (video, blank) = example().videos
    spans = [("run", 0, 9), ("run", 1, 3), ("run", 4, 6), ("eat", 2, 5), ("eat", 5, 8)]
    video = replace(video, actions=tuple(ActionLabel(1, *span) for span in spans))
    losses = list_losses(replace(example(), videos=(video, blank)), FORMATS["boris"])
    assert "2 bouts that overlap with others of the same action" in losses  # the second and the third
    losses = list_losses(replace(example(), videos=(video, blank)), FORMATS["native"])
    assert losses == ["4 bouts within others of the same animal", "1 score"]  # which says it all


UNUSED = {"interpolated boxes", "actions without boxes", "overlapping bouts"}
"""Features that the example has not."""


@pytest.mark.parametrize("feature", sorted(set(FEATURES) - UNUSED))
def test_each_feature_that_a_format_lacks_is_told(feature):
    format_ = Format("x", "X", None, None, frozenset(FEATURES) - {feature})
    assert len(list_losses(example(), format_)) == 1


def test_a_format_cannot_hold_what_is_no_feature():
    with pytest.raises(ValueError, match="no features"):
        Format("x", "X", None, None, frozenset({"smell"}))


def test_the_documentation_shows_what_each_format_holds():
    """A row for each feature, a column for each format."""
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    (start,) = [k for k, row in enumerate(cells) if row[0] == "feature"]
    header, rows = cells[start], {row[0]: row for row in cells[start + 2 : start + 2 + len(FEATURES)]}
    assert set(rows) == set(FEATURES)
    assert set(header[2:]) == set(FORMATS)
    for feature, meaning in FEATURES.items():
        row = rows[feature]
        assert row[1] == meaning
        marks = dict(zip(header[2:], row[2:], strict=True))
        assert marks == {name: "yes" if feature in f.holds else "" for name, f in FORMATS.items()}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("x.xml", "<annotations/>", "cvat"),
        ("x.xml", "<html/>", None),
        ("x.xml", "<", None),
        ("x.json", [{"data": {"video": "a"}}], "label-studio"),
        ("x.json", [], None),
        ("x.json", {"images": [], "annotations": [], "categories": []}, "coco"),
        ("x.json", {"images": [], "annotations": [], "categories": [], "videos": []}, "coco-vid"),
        ("x.json", {"annotations": [{"segmentations": []}], "videos": []}, "youtube-vis"),
        ("x.json", "[" * 100_000, None),
        ("x.txt", "", None),
        ("s/gt/gt.txt", "1,1,1,1,1,1,1,1,1\n", "mot"),
        ("s/gt/gt.txt", "1 1001 1 30 40 `U1\n", "mots"),
        ("s/gt/gt.txt", "", None),
    ],
)
def test_formats_that_are_certain_are_recognised(tmp_path, name, text, wanted):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    assert guess_format(tmp_path if "/" in name else path) == wanted


def test_a_native_folder_and_targets(tmp_path):
    assert guess_format(tmp_path) is None
    assert guess_format(tmp_path / "nothing") is None
    for name in ("annotations.json", "actions.csv"):
        (tmp_path / name).write_text("")
    assert guess_format(tmp_path) == "native"
    assert guess_target(Path("x.xml")) == "cvat"
    assert guess_target(Path("x.json")) is None
