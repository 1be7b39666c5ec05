import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wildact.export import VideoOutcome, save_tables
from wildact.types import UNKNOWN


def outcomes(result, blank):
    return [
        VideoOutcome("site/a.mp4", Path("a.mp4"), result, None, None),
        VideoOutcome("=cmd|'/c calc'!A1.mp4", Path("b.mp4"), blank, None, None),
        VideoOutcome("c.mp4", Path("c.mp4"), None, "c.mp4 is empty: copy it again.", None),
    ]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_video_track_bout_and_box_has_its_row(result, blank, tmp_path):
    save_tables(tmp_path, iter(outcomes(result, blank)))
    videos = read(tmp_path / "videos.csv")
    assert [row["status"] for row in videos] == ["ok", "blank", "failed"]
    assert videos[2]["error"] == "c.mp4 is empty: copy it again."
    tracks = read(tmp_path / "tracks.csv")
    assert [(row["track_id"], row["species"]) for row in tracks] == [("1", "red deer"), ("2", "Wildkatze ♀")]
    assert (float(tracks[1]["start_s"]), float(tracks[1]["end_s"])) == (0.4, 1.6)
    assert [row["action"] for row in read(tmp_path / "bouts.csv")] == ["walking", "resting", "walking"]
    table = pd.read_parquet(tmp_path / "detections.parquet")
    assert len(table) == 32
    assert table[table.track_id == 2].score.isna().sum() == 7


def test_a_file_name_cannot_become_a_formula(result, blank, tmp_path):
    save_tables(tmp_path, iter(outcomes(result, blank)))
    for row in read(tmp_path / "videos.csv"):
        assert not any(value.startswith(("=", "+", "-", "@")) for value in row.values())


def test_an_interrupted_writing_leaves_the_old_tables(result, blank, tmp_path):
    save_tables(tmp_path, iter(outcomes(result, blank)))
    before = (tmp_path / "videos.csv").read_bytes()

    def broken():
        yield outcomes(result, blank)[0]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        save_tables(tmp_path, broken())
    assert (tmp_path / "videos.csv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 4


def test_moving_or_still_is_given_without_an_action_network(result, tmp_path):
    outcome = VideoOutcome("a.mp4", Path("a.mp4"), replace(result, bouts=(), actions=()), None, None)
    save_tables(tmp_path, [outcome])
    first, _ = read(tmp_path / "tracks.csv")
    assert (first["moving_s"], first["still_s"]) == ("2.0", "0.0")
    save_tables(tmp_path, [VideoOutcome("a.mp4", Path("a.mp4"), result, None, None)])
    assert {row["movement"] for row in read(tmp_path / "bouts.csv")} == {"moving"}


def test_a_box_of_the_whole_picture_does_not_say_whether_an_animal_moves(result, tmp_path):
    info = result.info
    whole = np.tile(np.array([0, 0, info.width, info.height], np.float32), (len(result.tracks[0]), 1))
    tracks = (replace(result.tracks[0], boxes=whole), result.tracks[1])
    save_tables(tmp_path, [VideoOutcome("a.mp4", Path("a.mp4"), replace(result, tracks=tracks), None, None)])
    assert read(tmp_path / "tracks.csv")[0]["moving_s"] == ""
    assert read(tmp_path / "bouts.csv")[0]["movement"] == ""


def test_the_main_action_is_a_known_one_if_there_is_any(result, tmp_path):
    bouts = (replace(result.bouts[0], action=UNKNOWN), *result.bouts[1:])
    save_tables(tmp_path, [VideoOutcome("a.mp4", Path("a.mp4"), replace(result, bouts=bouts), None, None)])
    assert read(tmp_path / "tracks.csv")[0]["main_action"] == "resting"
    assert read(tmp_path / "bouts.csv")[0]["action"] == "unknown"
