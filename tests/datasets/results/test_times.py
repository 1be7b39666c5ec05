from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from wildact.datasets.results.times import find_time, load_times, save_times_template
from wildact.decode.clock import Clock
from wildact.errors import DatasetError

BERLIN = Clock(zone=ZoneInfo("Europe/Berlin"), offset=timedelta(hours=1))


def load(folder, *lines, header="video,recorded,timeZone"):
    (folder / "times.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return load_times(folder / "times.csv")


def test_times_that_a_person_gives_come_first_and_need_no_offset(tmp_path):
    given = load(
        tmp_path, "./-a.mp4,2024-05-01 12:00:00,", "b,2024-05-01T12:00Z,", "c,2024-05-01 12:00,UTC", "d,,"
    )
    assert list(given) == ["-a.mp4", "b", "c"]
    times = [find_time(name, tmp_path / name, BERLIN, given)[0] for name in given]
    assert [time.start.isoformat() for time in times] == [
        "2024-05-01T12:00:00+02:00", "2024-05-01T14:00:00+02:00", "2024-05-01T14:00:00+02:00",
    ]  # fmt: skip
    assert {(time.source, time.clock_offset_s) for time in times} == {("times.csv", 0)}
    assert times[2].text == "2024-05-01 12:00 UTC"


def test_else_the_video_tells_and_what_nobody_tells_is_said(tmp_path):
    time, note = find_time("x", tmp_path / "20240501_120000.mp4", BERLIN, {})
    assert (time.start.isoformat(), time.clock_offset_s, note) == ("2024-05-01T13:00:00+02:00", 3600, "")
    time, why = find_time("x", tmp_path / "20240501_120000.mp4", Clock(), {})
    assert time is None
    assert why == "20240501_120000 (file name) is the camera's own time, and its time zone is unknown"
    time, why = find_time("x", tmp_path / "PICT0001.mp4", BERLIN, {})
    assert time is None
    assert "neither tags nor the file's name" in why
    assert "PICT0001.mp4 is gone" in why


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,12:00,", "line 2: recorded must be a date with a time"),
        ("a,2024-05-01 12:00,Berlin", "line 2: 'Berlin' is no time zone"),
        ("a,2024-05-01 12:00,\n./a,2024-05-01 12:00,", "line 3: the video 'a' stands in the table twice"),
    ],
)
def test_broken_tables(tmp_path, line, said):
    with pytest.raises(DatasetError, match=said):
        load(tmp_path, line)
    with pytest.raises(DatasetError, match="no line names the columns video, recorded"):
        load(tmp_path, line, header="file,when")


def test_a_template_says_nothing_until_it_is_filled(tmp_path):
    save_times_template(tmp_path / "t.csv", ["=a,b.mp4", "c.mp4"])
    assert load_times(tmp_path / "t.csv") == {}
    assert '"=a,b.mp4",,' in (tmp_path / "t.csv").read_text()
