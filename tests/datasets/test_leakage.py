import os
import shutil

from wildact.datasets import findings as kinds
from wildact.datasets.leakage import compare_datasets, find_copies

FOX = ("fox", ("walking", 0, 12))


def found(check, *datasets):
    findings = []
    check(datasets, findings.append)
    return [(finding.kind, finding.entry, finding.what) for finding in findings]


def test_cameras_and_sites_in_two_data_sets_are_found(make_set, tmp_path):
    rows = [("1.mp4", "A", "C1", [FOX]), ("2.mp4", "A", "C2", [FOX]), ("3.mp4", "B", "C1", [])]
    train = make_set(tmp_path / "train", rows)
    test = make_set(tmp_path / "test", [("4.mp4", "A", "C1", []), ("5.mp4", "C", "C2", [])])
    there = f"1 of the videos here, {{}} of those in {train.root}"
    assert found(compare_datasets, train, test) == [
        (kinds.SHARED_CAMERA, "camera C1 of site A", there.format(1)),
        (kinds.SHARED_SITE, "site A", there.format(2)),
    ]


def test_places_that_nobody_named_are_not_the_same_place(make_set, tmp_path):
    one = make_set(tmp_path / "one", [("1.mp4", "", "", [])])
    other = make_set(tmp_path / "other", [("2.mp4", "", "", [])])
    assert found(compare_datasets, one, other) == []


def test_other_classes_are_found(make_set, tmp_path):
    one = make_set(tmp_path / "one", [("1.mp4", "A", "1", [])])
    other = make_set(tmp_path / "other", [("2.mp4", "B", "1", [])], species=("deer", "fox"))
    ((kind, _, what),) = found(compare_datasets, one, other)
    assert kind is kinds.OTHER_CLASSES
    assert what == f"species here: deer, fox; in {one.root}: fox, deer"


def test_the_same_file_is_found_under_another_name_linked_or_copied(good, make_set, tmp_path):
    other = make_set(tmp_path / "other", [(f"{k}.mp4", "C", "1", []) for k in (1, 2, 3)])
    (tmp_path / "other/1.mp4").write_bytes(bytes(good.videos[0].info.path.stat().st_size))
    assert found(find_copies, good) == []
    shutil.copy(good.videos[0].info.path, tmp_path / "other/2.mp4")
    os.link(good.videos[0].info.path, tmp_path / "other/3.mp4")
    assert found(find_copies, good, other) == [
        (kinds.SHARED_FILE, "video 2.mp4", f"the same file as a/1.mp4 of {good.root}"),
        (kinds.SHARED_FILE, "video 3.mp4", f"the same file as a/1.mp4 of {good.root}"),
    ]
    assert found(find_copies, other) == [(kinds.SAME_VIDEO, "video 3.mp4", "the same file as 2.mp4")]
    shutil.rmtree(tmp_path / "other")
    assert found(find_copies, good, other) == []
