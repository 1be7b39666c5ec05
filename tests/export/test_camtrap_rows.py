import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.errors import OutputError
from wildact.export.camtrap_columns import (
    DETECTION_FIELDS,
    MEDIA_COLUMNS,
    OBSERVATION_COLUMNS,
    RECORDING_FIELDS,
)
from wildact.export.camtrap_rows import (
    detection_rows,
    file_path,
    format_moment,
    media_id,
    media_row,
    observation_rows,
    recording_row,
)
from wildact.export.recording import Recording, count_simultaneous
from wildact.export.taxa import Taxon
from wildact.types import Bout, RecordingTime

TAXA = {"red deer": Taxon("Cervus elaphus", "species"), "Wildkatze ♀": Taxon("Felis silvestris", "species")}
START = datetime(2024, 3, 31, 1, 59, 58, 250000, tzinfo=ZoneInfo("Europe/Berlin"))
TIME = RecordingTime(START, "tag date", "2024-03-31 01:59:58", "Europe/Berlin", -60.0)
ALLOWED_PATH = re.compile(r"^(?=^[^./~])(^((?!\.{2}).)*$).*$")
"""``constraints.pattern`` of ``filePath`` in Camtrap DP's schema of media."""


@pytest.fixture
def recording(result):
    return Recording("a/b.MP4", result, TIME, site="a", light="day")


def rows_by_id(rows):
    return {row["observationID"].split("_", 1)[1]: row for row in rows}


def test_each_bout_of_each_animal_is_a_row_and_each_taxon_an_event(recording):
    rows = rows_by_id(observation_rows(recording, "d", TAXA))
    media = media_id("d", "a/b.MP4")
    assert list(rows) == ["1_1", "1_2", "2_1", "event_1", "event_2"]
    first = rows["1_1"]
    assert (first["mediaID"], first["eventID"], first["individualID"]) == (media, media, f"{media}:1")
    assert (first["behavior"], first["scientificName"], first["count"]) == ("walking", "Cervus elaphus", 1)
    assert first["observationTags"].startswith(
        "track:1 | start_s:0.0 | end_s:1.2 | start_frame:0 | end_frame:12 | frame:"
    )
    assert first["classificationMethod"] == "machine"
    assert rows["2_1"]["individualID"] == f"{media}:2"
    event = rows["event_1"]
    assert "mediaID" not in event
    assert (event["behavior"], event["count"], event["individualID"]) == ("walking|resting", 1, f"{media}:1")


def test_times_are_whole_seconds_around_the_bout_also_where_the_clocks_are_changed(recording):
    rows = rows_by_id(observation_rows(recording, "d", TAXA))
    assert rows["1_1"]["eventStart"] == "2024-03-31T01:59:58+01:00"
    assert rows["1_1"]["eventEnd"] == "2024-03-31T03:00:00+02:00"
    assert rows["event_1"]["eventEnd"] == "2024-03-31T03:00:01+02:00"


def test_the_box_is_that_of_the_bout_s_best_frame(result):
    track = result.tracks[0]
    track.scores[3] = 0.99
    rows = rows_by_id(observation_rows(Recording("x.mp4", result, TIME), "d", TAXA))
    x1, y1, x2, y2 = track.boxes[3].tolist()
    assert "frame:3" in rows["1_1"]["observationTags"]
    box = [float(rows["1_1"][name]) for name in ("bboxX", "bboxY", "bboxWidth", "bboxHeight")]
    assert box == pytest.approx([x1 / 160, y1 / 120, (x2 - x1) / 160, (y2 - y1) / 120], abs=1e-5)


def test_a_box_outside_the_frame_is_left_out(result):
    result.tracks[0].boxes[:] += 500
    rows = rows_by_id(observation_rows(Recording("x.mp4", result, TIME), "d", TAXA))
    assert "bboxX" not in rows["1_1"]


def test_an_animal_without_bouts_has_one_row_and_a_blank_video_blank_ones(result, blank):
    rows = rows_by_id(observation_rows(Recording("x.mp4", replace(result, bouts=()), TIME), "d", TAXA))
    assert list(rows) == ["1_1", "2_1", "event_1", "event_2"]
    assert rows["2_1"]["behavior"] == ""
    assert "start_s:0.4 | end_s:1.6" in rows["2_1"]["observationTags"]
    rows = rows_by_id(observation_rows(Recording("x.mp4", blank, TIME), "d", {}))
    assert {key: row["observationType"] for key, row in rows.items()} == {
        "blank": "blank",
        "event_blank": "blank",
    }
    assert {row["observationLevel"] for row in rows.values()} == {"media", "event"}


def test_a_video_with_actions_of_animals_without_boxes_is_not_blank(blank):
    seen = replace(blank, bouts=(Bout(1, "grazing", 0, 1, 0.5),))
    rows = rows_by_id(observation_rows(Recording("x.mp4", seen, TIME), "d", {}))
    assert {key: row["observationType"] for key, row in rows.items()} == {
        "unclassified": "unclassified",
        "event_unclassified": "unclassified",
    }


def test_animals_of_one_species_are_counted_where_they_are_together(result):
    one, two = result.tracks
    alike = {label: Taxon("Cervus") for label in TAXA}
    assert count_simultaneous(result.tracks) == 2
    rows = rows_by_id(observation_rows(Recording("x.mp4", result, TIME), "d", alike))
    assert rows["event_1"]["count"] == 2
    assert "event_2" not in rows
    later = replace(two, frames=two.frames + 16)
    early = replace(
        one, frames=one.frames[:5], boxes=one.boxes[:5], scores=one.scores[:5], masks=one.masks[:5]
    )
    assert count_simultaneous([early, later]) == 1
    assert count_simultaneous([]) == 0


def test_an_action_with_a_bar_cannot_be_written(result):
    bad = replace(result, bouts=(Bout(1, "walk|run", 0, 1, 0.5),))
    with pytest.raises(OutputError, match=r"'walk\|run'"):
        observation_rows(Recording("x.mp4", bad, TIME), "d", TAXA)


def test_without_a_time_there_is_no_row(result):
    with pytest.raises(OutputError, match=r"x\.mp4: when it was recorded is unknown"):
        media_row(Recording("x.mp4", result), "d")


def test_media_tell_where_their_time_comes_from(recording):
    row = media_row(recording, "d")
    assert row["timestamp"] == "2024-03-31T01:59:58+01:00"
    assert row["fileMediatype"] == "video/mp4"
    assert row["exifData"] == '{"date": "2024-03-31 01:59:58"}'
    assert row["mediaComments"] == "time from tag date, read in Europe/Berlin, clock offset -60 s"
    own = recording_row(recording, "d")
    assert own["recorded"] == "2024-03-31T01:59:58.250000+01:00"
    assert (own["timeSource"], own["timeText"], own["clockOffset_s"]) == ("tag date", TIME.text, -60)
    assert (own["fps"], own["frames"], own["light"]) == ("10", 20, "day")


def test_no_row_has_a_column_of_its_own(recording):
    assert set(media_row(recording, "d")) <= set(MEDIA_COLUMNS)
    for row in observation_rows(recording, "d", TAXA):
        assert set(row) <= set(OBSERVATION_COLUMNS)
    assert list(recording_row(recording, "d")) == [name for name, _, _ in RECORDING_FIELDS]
    for row in detection_rows(recording, "d"):
        assert set(row) == {name for name, _, _ in DETECTION_FIELDS}


@given(st.text(min_size=1, max_size=12))
def test_every_name_becomes_a_path_that_the_standard_allows(name):
    path = file_path(name)
    assert ALLOWED_PATH.fullmatch(path)
    assert path[0] not in "=+-@"
    if ".." not in name and name[0] not in "./~=+-@＝＋－＠" and name.isprintable():
        assert path == name


@settings(max_examples=60)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
    st.floats(0, 1e5),
    st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Adelaide")]),
)
def test_moments_are_rounded_outwards_by_less_than_a_second(moment, seconds, zone):
    start = moment.replace(tzinfo=zone)
    exact = start.astimezone(UTC) + timedelta(seconds=seconds)
    early = datetime.strptime(format_moment(start, seconds), "%Y-%m-%dT%H:%M:%S%z")
    late = datetime.strptime(format_moment(start, seconds, up=True), "%Y-%m-%dT%H:%M:%S%z")
    assert timedelta(0) <= exact - early < timedelta(seconds=1)
    assert timedelta(0) <= late - exact < timedelta(seconds=1)
