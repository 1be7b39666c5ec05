"""A simulated data set: exact truth whatever the number of workers, and files that agree with it."""

import csv
import json
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from wildact.errors import OutputError, UsageError
from wildact.masks import decode_mask, from_coco
from wildact.simulate import SimulationSettings, simulate_dataset

TINY = SimulationSettings(
    videos=6, seed=3, seconds=1.2, width=160, height=90, sites=2, cameras_per_site=1, blank_share=0.2
)


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_dataset(tmp_path_factory.mktemp("simulated") / "data", TINY)


@pytest.fixture(scope="module")
def truth(data_set: Path) -> dict:
    return json.loads((data_set / "annotations.json").read_text(encoding="utf-8"))


def action_rows(folder: Path) -> dict[tuple[str, int], list[tuple[str, int, int]]]:
    rows = defaultdict(list)
    with (folder / "actions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            span = (row["action"], int(row["start_frame"]), int(row["end_frame"]))
            rows[row["video"], int(row["track_id"])].append(span)
    return rows


def test_two_workers_write_the_same_truth_as_one(data_set: Path, tmp_path: Path) -> None:
    other = simulate_dataset(tmp_path / "other", TINY, workers=2)
    for name in ("annotations.json", "actions.csv"):
        assert (other / name).read_bytes() == (data_set / name).read_bytes()


def test_a_longer_data_set_begins_with_the_shorter(truth: dict, tmp_path: Path) -> None:
    simulate_dataset(tmp_path, replace(TINY, videos=2))
    shorter = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert shorter["videos"] == truth["videos"][:2]
    assert shorter["annotations"] == truth["annotations"][: len(shorter["annotations"])]


def test_videos_on_disk_are_as_the_truth_says(data_set: Path, truth: dict) -> None:
    assert len(truth["videos"]) == TINY.videos
    for video in truth["videos"]:
        with av.open(str(data_set / video["file_name"])) as container:
            stream = container.streams.video[0]
            frames = sum(1 for _ in container.decode(stream))
            assert (frames, stream.average_rate) == (video["length"], Fraction(video["fps"]))
            assert (stream.width, stream.height) == (video["width"], video["height"])


def test_boxes_are_those_of_masks_within_the_frame(truth: dict) -> None:
    checked = 0
    for track in truth["annotations"]:
        for mask, box, area in zip(track["segmentations"], track["bboxes"], track["areas"], strict=True):
            assert (mask is None) == (box is None) == (area is None)
            if mask is None:
                continue
            bitmap = decode_mask(from_coco(mask))
            assert bitmap.shape == (TINY.height, TINY.width)
            rows, columns = np.nonzero(bitmap)
            x, y = columns.min(), rows.min()
            assert box == [x, y, columns.max() + 1 - x, rows.max() + 1 - y]
            assert area == len(rows) >= 12
            checked += 1
    assert checked > 20


def test_actions_cover_each_track_without_overlap(data_set: Path, truth: dict) -> None:
    files = {video["id"]: video["file_name"] for video in truth["videos"]}
    names = {action["name"] for action in truth["actions"]}
    rows = action_rows(data_set)
    assert len(names) >= 6
    for track in truth["annotations"]:
        spans = rows.pop((files[track["video_id"]], track["track_id"]))
        seen = [k for k, mask in enumerate(track["segmentations"]) if mask is not None]
        assert (spans[0][1], spans[-1][2]) == (seen[0], seen[-1] + 1)
        assert all(action in names and start < end for action, start, end in spans)
        assert all(a[2] == b[1] and a[0] != b[0] for a, b in pairwise(spans))
    assert not rows


def test_each_light_comes_and_infrared_has_no_colour(data_set: Path, truth: dict) -> None:
    assert {video["light"] for video in truth["videos"]} == {"day", "dusk", "ir"}
    for video in truth["videos"]:
        with av.open(str(data_set / video["file_name"])) as container:
            image = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
        spread = np.median(image.max(axis=2) - image.min(axis=2))  # a maker's sign has colours
        assert (spread < 3) == (video["light"] == "ir"), video


def test_blank_videos_have_no_tracks(tmp_path: Path) -> None:
    simulate_dataset(tmp_path, replace(TINY, videos=2, blank_share=1.0))
    document = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert len(document["videos"]) == 2
    assert document["annotations"] == []
    assert (tmp_path / "actions.csv").read_text().count("\n") == 1


def test_seeds_share_no_site_and_no_camera(truth: dict, tmp_path: Path) -> None:
    simulate_dataset(tmp_path, replace(TINY, videos=2, seed=4))
    other = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    for key in ("site", "camera"):
        assert not {v[key] for v in truth["videos"]} & {v[key] for v in other["videos"]}


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="holds no simulated data set"):
        simulate_dataset(tmp_path, TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_earlier_simulation_is_replaced(tmp_path: Path) -> None:
    simulate_dataset(tmp_path, replace(TINY, videos=2))
    simulate_dataset(tmp_path, replace(TINY, videos=1, seed=9))
    document = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("videos/*/*/*.*")}
    assert files == {video["file_name"] for video in document["videos"]}
    assert len(files) == 1


@pytest.mark.parametrize(
    "change", [{"videos": 0}, {"width": 161}, {"blank_share": 1.5}, {"lights": ()}, {"fps": Fraction(0)}]
)
def test_impossible_settings_are_refused(tmp_path: Path, change: dict) -> None:
    with pytest.raises(UsageError):
        simulate_dataset(tmp_path / "data", replace(TINY, **change))
    assert not (tmp_path / "data").exists()


def test_progress_is_told_after_each_video(tmp_path: Path) -> None:
    told = []
    simulate_dataset(
        tmp_path, replace(TINY, videos=2), on_video=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]
