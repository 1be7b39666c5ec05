import csv
import math
from dataclasses import replace

import pytest

from wildact.datasets.stats import (
    count_seconds,
    count_tracks,
    count_transitions,
    describe_dataset,
    save_tables,
)
from wildact.labels import ActionLabel


@pytest.fixture
def dataset(make_set, tmp_path):
    """At 6 frames per second, 12 frames: two foxes, a deer, and a blank video at night."""
    fox = ("fox", ("walking", 0, 3), ("resting", 3, 9), ("walking", 9, 12))
    lazy = ("fox", ("resting", 0, 12))
    rows = [
        ("1.mp4", "A", "A1", [fox, lazy]),
        ("2.mp4", "A", "A2", [("deer",)], None),
        ("3.mp4", "B", "B1", [], "ir"),
    ]
    return make_set(
        tmp_path, rows, species=("fox", "deer", "hare"), actions=("walking", "resting", "running")
    )


def test_tracks_and_seconds_are_counted_for_every_class(dataset):
    assert count_tracks(dataset.videos, dataset.species) == {"fox": 2, "deer": 1, "hare": 0}
    assert count_seconds(dataset.videos, dataset.actions) == {"walking": 1.0, "resting": 3.0, "running": 0.0}


def test_tables_say_what_the_data_set_holds(dataset):
    tables = describe_dataset(dataset)
    assert tables["totals"].loc["videos"].tolist() == [3, 6.0, 2.0, 2.0, 2.0]
    assert tables["totals"].loc["bouts"].tolist() == [4, 4.0, 0.5, 0.75, 2.0]
    assert tables["species"].loc["fox"].tolist() == [2, 1, 4.0, 16.0]
    assert tables["species"].loc["hare"].tolist()[:3] == [0, 0, 0.0]
    assert math.isnan(tables["species"].loc["hare", "median_height_px"])
    assert tables["actions"].loc["resting"].tolist() == [2, 3.0, 0.75, 1.5, 2.0]
    assert tables["actions"].loc["running", "bouts"] == 0
    assert tables["species_actions"].to_numpy().tolist() == [[1, 3, 0], [0, 0, 0], [0, 0, 0]]
    assert tables["lights"].index.tolist() == ["day", "ir", "unknown"]
    assert tables["lights"]["blank"].tolist() == [0, 1, 0]
    assert tables["sites"].loc[("A", "A1")].tolist() == [1, 0, 2.0, 2, 4, 1, 0, 0, 0]
    assert tables["sites"]["unknown"].tolist() == [0, 1, 0]


def test_transitions_join_bouts_of_one_animal_that_follow_each_other(dataset):
    table = count_transitions(dataset)
    assert table.loc["walking", "resting"] == table.loc["resting", "walking"] == 1
    assert table.to_numpy().sum() == 2
    video = dataset.videos[0]
    gap = (
        ActionLabel(1, "walking", 0, 1),
        ActionLabel(1, "running", 8, 9),
        ActionLabel(1, "resting", 10, 12),
    )
    table = count_transitions(replace(dataset, videos=(replace(video, actions=gap),)))
    assert table.loc["running", "resting"] == table.to_numpy().sum() == 1


def test_an_empty_data_set_has_empty_tables(dataset):
    tables = describe_dataset(replace(dataset, videos=()))
    assert tables["totals"]["number"].tolist() == [0, 0, 0]
    assert tables["species"]["tracks"].tolist() == [0, 0, 0]
    assert tables["lights"].empty
    assert tables["sites"].empty


def test_tables_are_saved_and_no_name_becomes_a_formula(make_set, tmp_path):
    video = ("1.mp4", "=A1", "-C", [("@fox", ("+walk", 0, 12))])
    dataset = make_set(tmp_path / "set", [video], species=("@fox",), actions=("+walk",))
    save_tables(tmp_path / "out", describe_dataset(dataset))
    tables = {
        path.stem: list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        for path in (tmp_path / "out").iterdir()
    }
    assert set(tables) == {
        "totals",
        "species",
        "actions",
        "species_actions",
        "transitions",
        "lights",
        "sites",
    }
    assert tables["species_actions"] == [["species", "'+walk"], ["'@fox", "2.000"]]
    assert tables["sites"][1][:2] == ["'=A1", "'-C"]
    assert not any(
        cell.startswith(("=", "+", "-", "@")) for table in tables.values() for row in table for cell in row
    )
