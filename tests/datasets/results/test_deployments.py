from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from wildact.datasets.results.deployments import (
    find_deployment,
    find_place,
    load_deployments,
    save_template,
    split_place,
)
from wildact.decode.clock import Clock, parse_zone
from wildact.errors import DatasetError, OutputError

HEADER = "videos,deploymentID,latitude,longitude,deploymentStart,deploymentEnd"
ROW = "S1/C1,d1,51.5,-4.25,2024-05-01 12:00,2024-06-01 12:00:30"


def load(folder, *lines, header=HEADER, clock=Clock(zone=parse_zone("+01:00"))):  # noqa: B008
    (folder / "d.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return load_deployments(folder / "d.csv", clock)


def test_rows_become_those_of_the_standard(tmp_path):
    header = HEADER + ",timeZone,clockOffset,creationTime,baitUse,cameraTilt,habitat"
    (one, two) = load(
        tmp_path,
        ROW + ",Europe/Berlin,-00:01:00,camera,TRUE,-15,Wald ü",
        "S2\\C1,d2,0,0,2024-05-01T12:00:00Z,2024-06-01T12:00:00+05:30,,,,,,",
        header=header,
    )
    assert one.clock == Clock(ZoneInfo("Europe/Berlin"), timedelta(minutes=-1), local_tags=True)
    assert one.row["deploymentStart"] == "2024-05-01T12:00:00+02:00"
    assert one.row["deploymentEnd"] == "2024-06-01T12:00:30+02:00"
    assert (one.row["baitUse"], one.row["cameraTilt"], one.row["habitat"]) == ("true", "-15", "Wald ü")
    assert one.row["locationID"] == ""
    assert (two.videos, two.clock.zone) == ("S2/C1", parse_zone("+01:00"))
    assert two.row["deploymentStart"] == "2024-05-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("S1,d,,5,2024-05-01 12:00,", r"empty cells that are needed \(line 2: latitude, deploymentEnd\)"),
        (ROW.replace("51.5", "91"), "line 2: latitude must be a number from -90 to 90, not '91'"),
        (ROW.replace("51.5", '"51,5"'), "latitude must be a number"),
        (ROW.replace("51.5", "nan"), "latitude must be a number"),
        (ROW.replace("2024-05-01 12:00", "1.5.2024"), "deploymentStart must be a date with a time"),
        (ROW.replace("2024-05-01 12:00", "2024-05-01"), "deploymentStart must be a date with a time"),
        (ROW.replace("2024-06-01", "2023-06-01"), "deploymentEnd lies before deploymentStart"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, row, said):
    with pytest.raises(DatasetError, match=said) as caught:
        load(tmp_path, row)
    assert "d.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("timeZone", "Berlin", "'Berlin' is no time zone"),
        ("clockOffset", "1:30", "'1:30' is no clock offset"),
        ("creationTime", "local", "creationTime must be utc, camera or empty"),
        ("baitUse", "yes", "baitUse must be true, false or empty"),
        ("featureType", "road", "featureType 'road' is none of burrow"),
        ("cameraTilt", "1.5", "cameraTilt must be a whole number from -90 to 90"),
        ("coordinateUncertainty", "0", "coordinateUncertainty must be a whole number of at least 1"),
        ("mood", "good", "'mood' is no column of a deployment"),
    ],
)
def test_every_column_is_checked(tmp_path, column, cell, said):
    with pytest.raises(DatasetError, match=said):
        load(tmp_path, f"{ROW},{cell}", header=f"{HEADER},{column}")


def test_rows_need_names_of_their_own_and_a_zone(tmp_path):
    with pytest.raises(DatasetError, match="two rows have the deploymentID 'd1'"):
        load(tmp_path, ROW, ROW.replace("S1", "S2"))
    with pytest.raises(DatasetError, match="two rows have the videos 'S1/C1'"):
        load(tmp_path, ROW, ROW.replace("d1", "d2").replace("S1/C1", "S1/C1/"))
    with pytest.raises(DatasetError, match="the time zone of deploymentStart is unknown"):
        load(tmp_path, ROW, clock=Clock())
    with pytest.raises(DatasetError, match="has no row"):
        load(tmp_path)


def test_the_nearest_folder_decides(tmp_path):
    found = load(
        tmp_path,
        *(ROW.replace("S1/C1,d1", f"{videos},{name}") for videos, name in
          ((".", "rest"), ("S1", "site"), ("S1/C1", "camera"), ("S1/C1/-a b.mp4", "video"))),
    )  # fmt: skip
    places = {"S1/C1/-a b.mp4": "video", "S1/C1/x.mp4": "camera", "S1/C11/x.mp4": "site", "S2/x.mp4": "rest"}
    for video, name in places.items():
        assert find_deployment(video, found).row["deploymentID"] == name
    assert find_deployment("S2/x.mp4", found[1:]) is None


@pytest.mark.parametrize(
    ("video", "place", "site", "camera"),
    [
        ("x.mp4", ".", "", ""),
        ("S 1/x.mp4", "S 1", "S 1", ""),
        ("S1/x/C1/x.mp4", "S1/x/C1", "S1", "C1"),
        ("S1/C1/DCIM/100MEDIA/x.mp4", "S1/C1", "S1", "C1"),
        ("DCIM/101_BTCF/x.mp4", ".", "", ""),
        ("S1/dcim/x.mp4", "S1", "S1", ""),
        ("100MEDIA/x.mp4", "100MEDIA", "100MEDIA", ""),
    ],
)
def test_places_are_folders_without_those_of_memory_cards(video, place, site, camera):
    assert find_place(video) == place
    assert split_place(video) == (site, camera)


def test_a_template_has_a_row_for_each_folder_and_replaces_nothing(tmp_path):
    path = tmp_path / "new" / "deployments.csv"
    save_template(path, ["S1/C1/a.mp4", "S1/C1/b.mp4", "S1/C2/a.mp4", "x.mp4"])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [".", "deployment"], ["S1/C1", "S1_C1"], ["S1/C2", "S1_C2"],
    ]  # fmt: skip
    with pytest.raises(
        DatasetError, match=r"line 2: latitude, longitude, deploymentStart, deploymentEnd; line 3"
    ):
        load_deployments(path, Clock())
    with pytest.raises(OutputError, match="exists already"):
        save_template(path, [])
