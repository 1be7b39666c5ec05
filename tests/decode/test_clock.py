from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from wildact.decode.clock import (
    Clock,
    ClockReading,
    correct_clock,
    find_disagreement,
    parse_clock_offset,
    parse_time,
    parse_zone,
    read_clock,
    read_file_name,
)

MOMENT = datetime(2024, 1, 31, 23, 59, 58)
BERLIN = ZoneInfo("Europe/Berlin")


def write_tagged(path: Path, *, exif: dict[int, str] | None = None, **tags: str) -> Path:
    """A Motion JPEG video of one frame, with tags in its container, and perhaps EXIF in its picture."""
    block = Image.Exif()
    block.get_ifd(ExifTags.IFD.Exif).update(exif or {})
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48)).save(jpeg, "jpeg", exif=block)
    options = {"movflags": "use_metadata_tags"} if "creationdate" in str(tags) else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        packet = av.Packet(jpeg.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 5)
        container.mux(packet)
    return path


def sources(path: Path) -> dict[str, datetime]:
    return {reading.source: reading.time for reading in read_clock(path)}


def test_the_container_tells_utc(tmp_path: Path) -> None:
    path = write_tagged(tmp_path / "PICT0001.mp4", creation_time="2024-01-31T23:59:58Z")
    assert sources(path) == {"tag creation_time": MOMENT.replace(tzinfo=UTC)}


def test_apple_s_tag_tells_its_zone(tmp_path: Path) -> None:
    tags = {"com.apple.quicktime.creationdate": "2024-01-31T23:59:58+0100"}
    (reading,) = read_clock(write_tagged(tmp_path / "IMG_0001.mov", **tags))
    assert reading.time == datetime(2024, 1, 31, 22, 59, 58, tzinfo=UTC)


def test_the_pictures_of_a_motion_jpeg_video_tell_the_camera_s_time(tmp_path: Path) -> None:
    exif = {int(ExifTags.Base.DateTimeOriginal): "2024:01:31 23:59:58"}
    (reading,) = read_clock(write_tagged(tmp_path / "a.avi", exif=exif))
    assert (reading.source, reading.time) == ("tag datetimeoriginal", MOMENT)
    exif[int(ExifTags.Base.OffsetTimeOriginal)] = "-03:00"
    (reading,) = read_clock(write_tagged(tmp_path / "b.avi", exif=exif))
    assert reading.time == MOMENT.replace(tzinfo=timezone(timedelta(hours=-3)))


def test_the_date_chunk_of_an_avi_is_the_camera_s_time(tmp_path: Path) -> None:
    path = write_tagged(tmp_path / "a.avi")
    content = path.read_bytes()
    place = content.index(b"JUNK")
    size = int.from_bytes(content[place + 4 : place + 8], "little")
    date = b"Wed Jan 31 23:59:58 2024\n".ljust(size, b"\0")
    path.write_bytes(
        content[:place] + b"IDIT" + content[place + 4 : place + 8] + date + content[place + 8 + size :]
    )
    assert sources(path) == {"tag creation_time": MOMENT}


def test_tags_come_before_the_name_and_a_file_that_is_gone_still_has_one(tmp_path: Path) -> None:
    path = write_tagged(tmp_path / "20240101_101010.mp4", creation_time="2024-01-31T23:59:58Z")
    assert list(sources(path)) == ["tag creation_time", "file name"]
    path.unlink()
    assert list(sources(path)) == ["file name"]
    path.write_bytes(b"no video")
    assert list(sources(path)) == ["file name"]
    assert read_clock(tmp_path / "PICT0001.mp4") == ()


@pytest.mark.parametrize(
    "name",
    [
        "20240131_235958.mp4",
        "VID_20240131-235958(1).MP4",
        "20240131T235958.mp4",
        "RLC_00_20240131235958.mp4",
        "20240131_235958123.mp4",
        "2024-01-31 23-59-58.avi",
        "Station A__2024-01-31__23-59-58(2).avi",
        "2024_01_31_23_59_58.avi",
        "-2024.01.31 23.59.58 füchse.avi",
        "20240131_235958_20240201_000058.mp4",
        "20249999_999999 20240131_235958.mp4",
    ],
)
def test_times_in_names_are_found(name: str) -> None:
    reading = read_file_name(name)
    assert reading is not None
    assert reading.time == MOMENT
    assert reading.text in name


@pytest.mark.parametrize(
    "name",
    [
        "PICT0001.AVI", "MFDC0001.MP4", "EK000059.AVI", "07120049.AVI", "01312024_235958.mp4", "20240131.mp4",
        "20240131_2359.mp4", "20241331_235958.mp4", "20240131_245958.mp4", "120240131_235958.mp4",
        "2024-01-3123-59-58.mp4", "19700101_000000.mp4", "20240131_2359580.mp4", "",
    ],
)  # fmt: skip
def test_names_without_a_time_have_none(name: str) -> None:
    assert read_file_name(name) is None


def test_a_z_in_the_name_is_utc() -> None:
    reading = read_file_name("20240131T235958Z.mp4")
    assert reading is not None
    assert reading.time == MOMENT.replace(tzinfo=UTC)


@settings(max_examples=40)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)),
    st.sampled_from("_-T ."),
    st.text("ab_ ü", max_size=4),
)
def test_any_time_in_a_name_comes_back(time: datetime, between: str, around: str) -> None:
    time = time.replace(microsecond=0)
    for pattern in (f"%Y%m%d{between}%H%M%S", f"%Y-%m-%d{between}%H-%M-%S"):
        reading = read_file_name(f"{around}{time.strftime(pattern)}{around}.mp4")
        assert reading is not None
        assert reading.time == time


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_no_name_and_no_text_breaks_anything(text: str) -> None:
    read_file_name(text)
    parse_time(text)
    for parse in (parse_zone, parse_clock_offset):
        try:
            parse(text)
        except ValueError as error:
            assert repr(text) in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-01-31T23:59:58.500000Z", MOMENT.replace(microsecond=500000, tzinfo=UTC)),
        ("2024:01:31 23:59:58", MOMENT),
        ("2024-01-31/ 23:59:58", MOMENT),
        ("2024-01-31 23:59", MOMENT.replace(second=0)),
        ("2024-01-31 23:59:58 +01:00", MOMENT.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("2024-01-31", None),
        ("1904-01-01T00:00:00Z", None),
        ("2024-02-30 10:00:00", None),
        ("31.01.2024 10:00", None),
        ("", None),
    ],
)
def test_tags_are_read_as_they_are_written(text: str, time: datetime | None) -> None:
    assert parse_time(text) == time


def test_the_clock_is_corrected_in_its_own_zone() -> None:
    reading = ClockReading("file name", "x", datetime(2024, 3, 31, 1, 30))
    time = correct_clock(reading, Clock(zone=BERLIN, offset=timedelta(hours=2)))
    assert time.start.isoformat() == "2024-03-31T03:30:00+02:00"
    assert (time.zone, time.clock_offset_s) == ("Europe/Berlin", 7200)


def test_a_time_with_a_zone_is_told_in_the_clock_s() -> None:
    reading = ClockReading("tag creation_time", "x", MOMENT.replace(tzinfo=UTC))
    time = correct_clock(reading, Clock(zone=BERLIN))
    assert time.start.isoformat() == "2024-02-01T00:59:58+01:00"
    assert time.zone == ""
    local = correct_clock(reading, Clock(zone=BERLIN, local_tags=True))
    assert local.start.isoformat() == "2024-01-31T23:59:58+01:00"
    assert local.zone == "Europe/Berlin"


def test_what_cannot_be_told_is_said() -> None:
    with pytest.raises(ValueError, match="time zone is unknown"):
        correct_clock(ClockReading("file name", "x", MOMENT), Clock())
    far = Clock(zone=UTC, offset=timedelta(days=999999 * 365 // 100))
    with pytest.raises(ValueError, match="no possible time"):
        correct_clock(ClockReading("file name", "x", MOMENT), far)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("-90.5", -90.5),
        ("+01:00:00", 3600),
        ("-5110d 03:20:00", -(5110 * 86400 + 12000)),
        ("0", 0),
    ],
)
def test_clock_offsets(text: str, seconds: float) -> None:
    assert parse_clock_offset(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["1:30", "x", "", "00:60:00", "٣", "1e3", "nan"])
def test_what_is_no_clock_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no clock offset"):
        parse_clock_offset(text)


@pytest.mark.parametrize("text", ["Europe", "../../etc/passwd", "Mars/Base", "", "+25", "+01:60", "a\0b"])
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        parse_zone(text)


def test_sources_that_disagree_are_told() -> None:
    times = [
        correct_clock(ClockReading(source, "x", time), Clock(zone=UTC))
        for source, time in (("tag date", MOMENT), ("file name", MOMENT + timedelta(minutes=9)))
    ]
    assert find_disagreement(times) == ""
    late = correct_clock(ClockReading("file name", "x", MOMENT + timedelta(hours=1)), Clock(zone=UTC))
    assert find_disagreement([*times, late]) == (
        "tag date says 2024-01-31T23:59:58+00:00, file name 2024-02-01T00:59:58+00:00"
    )
    assert find_disagreement([]) == ""
