import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wildact.datasets import findings as kinds
from wildact.datasets.check import check_datasets, check_labels
from wildact.datasets.findings import KINDS, Finding
from wildact.datasets.words import list_frames, quote
from wildact.errors import UsageError
from wildact.masks import encode_mask


def labels_of(dataset, **options):
    findings = []
    check_labels(dataset, findings.append, **options)
    return {finding.kind: finding for finding in findings}


def with_track(dataset, **changes):
    """The data set with its first track changed."""
    video, *others = dataset.videos
    track, *rest = video.tracks
    changed = replace(video, tracks=(replace(track, **changes), *rest))
    return replace(dataset, videos=(changed, *others))


def with_video(dataset, **changes):
    video, *others = dataset.videos
    return replace(dataset, videos=(replace(video, **changes), *others))


def test_a_good_data_set_has_no_findings(good):
    seen = []
    assert check_datasets([good.root], on_video=lambda done, total: seen.append((done, total))) == ()
    assert check_datasets([good.root], decode=True) == ()
    assert seen == [(1, 2), (2, 2)]


def test_slips_of_the_mouse_and_masks_elsewhere_are_found(good):
    boxes = good.videos[0].tracks[0].boxes.copy()
    boxes[[2, 3, 4]] = [10, 8, 11, 24]
    found = labels_of(with_track(good, boxes=boxes))
    assert "track 1: less than 2 pixels wide or high on frames 2-4" in str(found[kinds.TINY_BOX])
    assert "reaches out of its box on frames 2-4" in str(found[kinds.STRAY_BOX])

    empty = encode_mask(np.zeros((32, 48), bool))
    masks = (empty, None, *good.videos[0].tracks[0].masks[2:])
    found = labels_of(with_track(good, masks=masks))
    assert "no pixel in its mask, on frame 0" in found[kinds.STRAY_BOX].what
    assert "1 boxes of 1 tracks have no mask, first in a/1.mp4, track 1" in found[kinds.NO_MASK].what


def test_actions_of_animals_that_nobody_sees_are_found(good):
    track = good.videos[0].tracks[0]
    cut = {"frames": track.frames[:6], "boxes": track.boxes[:6], "scores": track.scores[:6]}
    found = labels_of(with_track(good, masks=track.masks[:6], **cut))
    assert "'resting' from frames 6 to 12, but no box there" in found[kinds.UNSEEN_ACTION].what
    found = labels_of(with_video(good, actions=()))
    assert "2 of 4 tracks have no action, first track 1 of a/1.mp4" in found[kinds.NO_ACTION].what


def test_facts_that_are_missing_or_odd_are_found(good):
    found = labels_of(with_video(good, site="", recorded="31/5/24"))
    assert "1 of 2 videos name no site, first a/1.mp4" in found[kinds.NO_PLACE].what
    assert "'31/5/24'" in found[kinds.ODD_DATE].what
    assert set(labels_of(replace(good, videos=()))) == {kinds.NO_VIDEOS}


def test_classes_that_are_rare_empty_or_alike_are_found(good):
    found = labels_of(replace(good, species=(*good.species, "Fox ", "hare")))
    assert "'fox' and 'Fox ' differ in spelling only" in found[kinds.SIMILAR_NAMES].what
    assert found[kinds.EMPTY_CLASS].what == "no usable track of 'hare'"
    assert kinds.IMBALANCE not in labels_of(good, max_ratio=3.0)
    assert (
        "'resting' 6 s, 'walking' 2 s: 3 times as much"
        in labels_of(good, max_ratio=2.9)[kinds.IMBALANCE].what
    )


def test_all_that_is_wrong_comes_in_one_go(good, film):
    """Of labels and of videos; one run, every problem."""
    path = good.root / "annotations.json"
    data = json.loads(path.read_text())
    data["annotations"][0]["bboxes"][3] = [10, 8, -1, 5]
    data["annotations"][1]["category_id"] = 9
    data["videos"][1] |= {"width": 64, "fps": "7", "length": 13}
    path.write_text(json.dumps(data))
    with (good.root / "actions.csv").open("a") as file:
        file.write("a/1.mp4,1,walking,3,4\n")
    (good.root / "a/1.mp4").unlink()
    found = {finding.kind for finding in check_datasets([good.root])}
    assert found >= {
        kinds.BROKEN_BOX, kinds.UNKNOWN, kinds.OVERLAP, kinds.NO_FILE, kinds.OTHER_SIZE, kinds.OTHER_FPS,
        kinds.OTHER_LENGTH, kinds.BROKEN_MASK,
    }  # fmt: skip
    counted = {finding.kind for finding in check_datasets([good.root], decode=True)}
    assert kinds.FEWER_FRAMES in counted
    assert kinds.OTHER_LENGTH not in counted


def test_a_folder_without_labels_is_a_finding_and_the_others_are_checked(good, tmp_path):
    shutil.copytree(good.root, tmp_path / "copy")
    found = {finding.kind for finding in check_datasets([tmp_path / "nothing", good.root, tmp_path / "copy"])}
    assert found == {kinds.UNREADABLE, kinds.SHARED_FILE, kinds.SHARED_CAMERA, kinds.SHARED_SITE}
    with pytest.raises(UsageError, match="named twice"):
        check_datasets([good.root, good.root / ".." / "good"])


def test_every_kind_says_what_to_do():
    assert len({kind.title for kind in KINDS}) == len(KINDS)
    assert all(kind.advice and not kind.advice.endswith(".") for kind in KINDS)
    finding = Finding(kinds.OVERLAP, "f.csv", "line 3", "two bouts overlap")
    assert str(finding) == "f.csv: line 3: two bouts overlap; let one end where the next begins."


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([3], "frame 3"),
        ([3, 4, 5], "frames 3-5"),
        ([3, 4, 9], "frames 3-4 and 9"),
        ([1, 3, 5, 6], "frames 1, 3 and 5-6"),
        (range(0, 20, 2), "frames 0, 2, 4, 6 and others (10 in all)"),
    ],
)
def test_frames_are_listed_as_ranges(frames, said):
    assert list_frames(frames) == said


def test_values_are_quoted_short_and_without_control_characters():
    assert quote("\x1b[31m\n") == r"'\x1b[31m\n'"
    assert len(quote("x" * 1000)) < 70


def test_every_kind_stands_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "data-tools.md").read_text(encoding="utf-8")
    assert [kind.title for kind in KINDS if kind.title not in text] == []
