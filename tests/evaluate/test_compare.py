"""Two detectors on eight videos, each with a deer: one finds all of them, the other misses some."""

import io
from dataclasses import replace

import numpy as np
import pytest

from wildact.errors import DatasetError, UsageError
from wildact.evaluate.compare import compare_matches
from wildact.evaluate.matches import collect_matches, load_matches, save_matches

SPECIES = ("deer", "fox")


@pytest.fixture(scope="module")
def counted(track, count, right_bouts):
    """``counted([found or not, ...], masks=True)``: matches of as many videos, by turns by day and night."""

    def make(finds, *, masks=True, height=40, least=24.0):
        videos = {}
        for k, found in enumerate(finds):
            deer = track(1, "deer", 10 + k, masks=masks, height=height)
            seen = [deer] if found else [track(9, "deer", 120)]
            light = "ir" if k % 2 else "day"
            videos[f"videos/{k}.mp4"] = count([deer], seen, right_bouts(1), light=light)
        return collect_matches(videos, SPECIES, least)

    return make


def test_an_evaluation_does_not_differ_from_itself(counted):
    some = counted([True, False, True, True, False, True, True, False])
    compared = compare_matches(some, some, resamples=50)
    assert list(compared) == ["all", "day", "ir"]
    for figures in compared.values():
        known = [one.difference for one in figures.values() if not np.isnan(one.difference.value)]
        assert known
        assert all(difference == (0, 0, 0) for difference in known)


def test_a_better_one_is_better_beyond_doubt_though_its_interval_overlaps(counted):
    good, bad = counted([True] * 6 + [False] * 2), counted([True, True] + [False] * 6)
    better, worse = compare_matches(good, bad)["all"], compare_matches(bad, good)["all"]
    for name in ("box_ap50", "box_ap", "mask_ap50", "box_ap50_by_speed/medium", "box_ap_of/deer"):
        value, low, high = better[name].difference
        assert 0 < low <= value <= high, name
        assert value == better[name].first - better[name].second
        assert worse[name].difference == pytest.approx((-value, -high, -low))
    assert np.isnan(better["box_ap50_by_speed/fast"].difference.value)
    assert not any("truth" in name for name in better)


def test_resamples_are_the_same_for_both(counted):
    # one finds a deer more: in a resample, the difference is how often that video was drawn. A third of the
    # resamples miss it, so that the interval begins at 0; it is never negative
    one, two = counted([True] * 5 + [False] * 3), counted([True] * 4 + [False] * 4)
    value, low, high = compare_matches(one, two)["all"]["box_ar100"].difference
    assert (value, low, high) == pytest.approx((1 / 8, 0, 3 / 8))


def test_without_resamples_there_is_no_interval(counted):
    compared = compare_matches(counted([True, True]), counted([True, False]), resamples=0)
    assert compared["all"]["box_ar100"].difference.value == 0.5
    assert np.isnan(compared["all"]["box_ar100"].difference[1:]).all()
    single = compare_matches(counted([True, True]), counted([True, False]))["ir"]["box_ar100"]
    assert single.difference.value == 1
    assert np.isnan(single.difference[1:]).all()


def test_videos_are_compared_by_name(counted):
    one = counted([True, True, False, False])
    turned = replace(
        one,
        videos=one.videos[::-1],
        lights=one.lights[::-1],
        boxes=one.boxes[::-1],
        masks=one.masks[::-1],
    )
    same = compare_matches(one, turned, resamples=20)["all"]["box_ar100"]
    assert same.difference == (0, 0, 0)


def test_what_is_not_of_the_same_data_is_not_compared(counted):
    one = counted([True, True])
    with pytest.raises(UsageError, match=r"videos/2\.mp4 is only in one of them"):
        compare_matches(one, counted([True, True, True]))
    with pytest.raises(UsageError, match="not of the same species"):
        compare_matches(one, replace(one, species=("deer", "boar")))
    with pytest.raises(
        UsageError, match=r"same animals in videos/0\.mp4; evaluate both with the same labels and --fps"
    ):
        compare_matches(one, counted([True, True], height=20))
    with pytest.raises(UsageError, match=r"below 24 and 0 pixels; evaluate both with the same --min-height"):
        compare_matches(one, counted([True, True], least=0))


def test_without_masks_boxes_are_compared(counted):
    names = set(compare_matches(counted([True, True]), counted([True, True], masks=False))["all"])
    assert "box_ap50" in names
    assert "mask_ap50" not in names


@pytest.mark.parametrize("masks", [True, False])
def test_what_was_saved_is_read(counted, tmp_path, masks):
    some = counted([True, False, True], masks=masks)
    some = replace(some, lights=("day", None, "ir"))
    save_matches(tmp_path / "matches.npz", some)
    for path in (tmp_path, tmp_path / "matches.npz"):
        read = load_matches(path)
        assert str(read) == str(some)
        assert (read.masks is None) == (not masks)
    for one, other in zip(read.boxes, some.boxes, strict=True):
        for name in ("scores", "labels", "hits", "alarms", "wanted"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype


def test_where_no_detector_was_scored_there_is_nothing_to_keep(track, count, right_bouts):
    one = count([track(1, "deer", 10)], [], right_bouts(1))
    assert collect_matches({"a.mp4": replace(one, chain=None)}, SPECIES, 24) is None


def arrays(**changed):
    file = io.BytesIO()
    np.savez(file, **changed)
    return file.getvalue()


def test_files_that_are_something_else_are_told(counted, tmp_path):
    path = tmp_path / "matches.npz"
    with pytest.raises(DatasetError, match="does not exist; name a folder that 'wildact evaluate"):
        load_matches(tmp_path)
    one = io.BytesIO()
    np.save(one, np.zeros(3))
    for content in (b"", b"PK\x03\x04nothing", b"text", one.getvalue(), arrays(levels=np.array([{}]))):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"matches\.npz cannot be read"):
            load_matches(path)
    path.write_bytes(arrays(levels=np.array(["all 0.50"])))
    with pytest.raises(DatasetError, match="not written by this version"):
        load_matches(path)
    save_matches(path, counted([True, False]))
    with np.load(path) as file:
        whole = dict(file)
    for change in (
        {"videos": whole["videos"][:1]},
        {"box_scores": whole["box_scores"][:, None, None]},
        {"box_hits": whole["box_hits"][:1]},
        {"box_wanted": whole["box_wanted"][:1]},
        {"lights": None},
    ):
        left = {name: array for name, array in (whole | change).items() if array is not None}
        path.write_bytes(arrays(**left))
        with pytest.raises(DatasetError, match="damaged"):
            load_matches(path)
