import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from wildact.errors import OutputError
from wildact.export.tables import DETECTIONS_SCHEMA, VideoOutcome, save_tables, track_rows
from wildact.types import Bout, VideoResult

NAMES = ("videos.csv", "tracks.csv", "bouts.csv", "detections.parquet")


def outcome(video: str, result: VideoResult | None, error: str | None = None) -> VideoOutcome:
    return VideoOutcome(video, Path(video), result, error, None)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_video_gives_headers(tmp_path: Path) -> None:
    save_tables(tmp_path, [])
    assert (tmp_path / "videos.csv").read_bytes() == (
        b"video,status,error,warnings,frames,fps,duration_s,width,height,light,tracks\n"
    )
    assert (
        (tmp_path / "tracks.csv")
        .read_bytes()
        .startswith(b"video,track_id,species,species_score,start_s,end_s,")
    )
    assert (tmp_path / "bouts.csv").read_bytes() == b"video,track_id,species,action,start_s,end_s,score\n"
    assert pq.read_table(tmp_path / "detections.parquet").schema.equals(DETECTIONS_SCHEMA)


def test_contents(tmp_path: Path, result: VideoResult, make) -> None:
    _, make_result = make
    outcomes = (
        o
        for o in [
            outcome("a/é.mp4", result),
            outcome("b", make_result()),
            outcome("c", None, "No, it isn't."),
        ]
    )
    save_tables(tmp_path, outcomes)  # a generator: can be read once only
    a, b, c = read(tmp_path / "videos.csv")
    assert a == {
        "video": "a/é.mp4", "status": "ok", "error": "",
        "warnings": "The file ends in the middle of a frame.",
        "frames": "50", "fps": "25.0", "duration_s": "2.0", "width": "320", "height": "180", "light": "day",
        "tracks": "2",
    }  # fmt: skip
    assert (b["status"], b["tracks"], b["warnings"]) == ("blank", "0", "")
    assert (c["status"], c["error"], c["frames"]) == ("failed", "No, it isn't.", "")
    deer, boar = read(tmp_path / "tracks.csv")
    assert deer == {
        "video": "a/é.mp4", "track_id": "1", "species": "red deer", "species_score": "0.875",
        "start_s": "0.0",
        "end_s": "1.6", "duration_s": "1.6", "first_frame": "0", "last_frame": "39", "detections": "38",
        "interpolated": "2", "mean_score": "0.752", "main_action": "walking", "main_action_s": "1.2",
    }  # fmt: skip
    assert (boar["start_s"], boar["end_s"]) == ("0.8", "2.0")
    bouts = read(tmp_path / "bouts.csv")
    assert [(r["species"], r["action"], r["start_s"], r["end_s"], r["score"]) for r in bouts] == [
        ("red deer", "walking", "0.0", "1.2", "0.9"),
        ("red deer", "foraging", "1.2", "1.6", "0.7"),
        ("wild boar", "foraging", "0.8", "2.0", "0.8"),
    ]
    table = pq.read_table(tmp_path / "detections.parquet")
    assert table.schema.equals(DETECTIONS_SCHEMA)
    assert set(table["video"].to_pylist()) == {"a/é.mp4"}
    first = table.slice(10, 1).to_pylist()[0]
    assert (first["frame"], first["time_s"], first["interpolated"]) == (10, pytest.approx(0.4), True)
    assert first["score"] is None
    assert first["mask_counts"] is None
    assert [first[k] for k in ("x1", "y1", "x2", "y2")] == [60, 60, 140, 140]


def test_variable_frame_rate_ends_when_the_next_frame_is_shown(make) -> None:
    make_track, make_result = make
    result = make_result((make_track(boxes=np.array([[1, 1, 5, 5]] * 2)),), frames=3)
    result.pts[:] = [0, 10, 35]
    (row,) = track_rows("v", result)
    assert (row["start_s"], row["end_s"]) == (0.0, 1.4)


def test_track_without_bouts_or_detections(make) -> None:
    make_track, make_result = make
    (row,) = track_rows("v", make_result((make_track(boxes=np.array([[1, 1, 5, 5]]), gaps=(0,)),)))
    assert row["mean_score"] is None
    assert row["main_action"] is None
    assert (row["detections"], row["interpolated"]) == (0, 1)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_becomes_a_formula(tmp_path: Path, make, start: str) -> None:
    make_track, make_result = make
    video = f"{start}cmd|' /C calc'!A0"
    track = make_track(label=f"{start}1+1", boxes=np.array([[1, 1, 5, 5]]))
    result = make_result((track,), (Bout(1, f"{start}2", 0, 1, 0.5),), warnings=(f"{start}3",))
    save_tables(tmp_path, [outcome(video, result), outcome("x", None, f"{start}4")])
    tables = {name: read(tmp_path / name) for name in NAMES[:3]}
    for rows in tables.values():
        for cell in (cell for row in rows for cell in row.values()):
            assert not cell.startswith(start)
    videos = {tables[name][0]["video"] for name in NAMES[:3]}
    videos |= set(pq.read_table(tmp_path / "detections.parquet")["video"].to_pylist())
    assert videos == {f"./{video}"}  # one name in all tables: they still join
    assert tables["tracks.csv"][0]["species"] == f"'{start}1+1"


def test_negative_numbers_stay_numbers(tmp_path: Path, make) -> None:
    make_track, make_result = make
    track = make_track(boxes=np.array([[1, 1, 5, 5]]))
    save_tables(tmp_path, [outcome("v", make_result((track,), (Bout(1, "w", -0.02, 1, 0.5),)))])
    assert read(tmp_path / "bouts.csv")[0]["start_s"] == "-0.02"


def test_names_that_are_no_unicode(tmp_path: Path, result: VideoResult) -> None:
    save_tables(tmp_path, [outcome("caf\udce9.avi", result)])
    assert read(tmp_path / "tracks.csv")[0]["video"] == r"caf\udce9.avi"


def test_exception_leaves_the_tables_of_before(tmp_path: Path, result: VideoResult) -> None:
    save_tables(tmp_path, [outcome("old", result)])
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}

    def broken() -> Iterator[VideoOutcome]:
        yield outcome("new", result)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        save_tables(tmp_path, broken())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_short_videos_share_a_row_group(tmp_path: Path, result: VideoResult) -> None:
    save_tables(tmp_path, (outcome(f"{i}", result) for i in range(800)))
    file = pq.ParquetFile(tmp_path / "detections.parquet")
    assert file.metadata.num_rows == 800 * 70
    assert file.num_row_groups == 2


def test_one_outcome_is_held_at_a_time(tmp_path: Path, result: VideoResult) -> None:
    written = []

    def outcomes() -> Iterator[VideoOutcome]:
        for i in range(3000):
            if i == 2999:
                written.extend(p.stat().st_size for p in tmp_path.iterdir())
            yield outcome(f"{i}", result)

    save_tables(tmp_path, outcomes())
    assert min(written) > 0  # all four were on their way to disk before the last video came


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_tables(tmp_path / "taken", [])


def test_outcome_needs_result_or_error() -> None:
    with pytest.raises(ValueError, match="either a result or an error"):
        outcome("v", None)
