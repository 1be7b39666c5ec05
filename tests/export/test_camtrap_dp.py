import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wildact.errors import OutputError
from wildact.export.camtrap_dp import list_missing_facts, save_camtrap_dp
from wildact.export.recording import Recording
from wildact.export.taxa import Taxon
from wildact.types import RecordingTime

OFFICIAL = Path(__file__).parents[2].parent / "shared" / "data" / "camtrap_dp"
TAXA = {
    "red deer": Taxon("Cervus elaphus", "species"),
    "wildkatze ♀": Taxon("Felis silvestris", "species"),
    "vehicle": Taxon("", "", "vehicle"),
}
PROJECT = {
    "title": "Wald",
    "contributors": [{"title": "Å. Person", "role": "contact"}],
    "project": {"title": "Wald", "samplingDesign": "targeted", "captureMethod": ["activityDetection"]},
}
TIME = RecordingTime(
    datetime(2024, 5, 1, 12, 0, 0, 500000, tzinfo=UTC), "file name", "20240501_120000", "UTC"
)


def deployment(name, latitude, longitude):
    return {
        "deploymentID": name,
        "latitude": latitude,
        "longitude": longitude,
        "deploymentStart": "2024-04-30T12:00:00+02:00",
        "deploymentEnd": "2024-05-31T12:00:00+02:00",
        "baitUse": "false",
    }


DEPLOYMENTS = [deployment("Hütte 7", "51.5", "4.25"), deployment("empty", "-12", "0.5")]


def save(folder, results, **changes):
    recordings = [
        (Recording(name, result, TIME, site="s", light=result.light), "Hütte 7")
        for name, result in results.items()
    ]
    settings = {"deployments": DEPLOYMENTS, "project": PROJECT, "taxa": TAXA, "created": TIME.start} | changes
    save_camtrap_dp(folder, iter(recordings), **settings)


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NAMES = ("-a b/ü..mp4", "=1+1.mp4", "~x/.hidden.avi", 'q"uo,te\n.mov')


@pytest.fixture
def package(result, blank, tmp_path):
    save(tmp_path / "p", dict(zip(NAMES, (result, blank, result, blank), strict=True)))
    return tmp_path / "p"


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official schemas are not here")
def test_a_package_is_valid_by_the_official_schemas(package):
    frictionless = pytest.importorskip("frictionless")
    descriptor = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    for resource in descriptor["resources"]:
        if isinstance(resource["schema"], str):
            assert resource["schema"].startswith("https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2/")
            resource["schema"] = json.loads((OFFICIAL / resource["schema"].rsplit("/", 1)[1]).read_text())
    descriptor.pop("profile")
    report = frictionless.Package.from_descriptor(descriptor, basepath=str(package)).validate()
    assert report.flatten(["rowNumber", "fieldName", "message"]) == []
    rows = {task.name: task.stats["rows"] for task in report.tasks}
    assert rows == {
        "deployments": 2, "media": 4, "observations": 14, "wildact-recordings": 4, "wildact-detections": 64,
    }  # fmt: skip


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official profile is not here")
def test_a_package_fits_the_official_profile(package):
    frictionless = pytest.importorskip("frictionless")
    jsonschema = pytest.importorskip("jsonschema")
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT4

    geojson = Path(frictionless.__file__).parent / "assets/profiles/geojson.json"
    registry = Registry().with_resources(
        [
            ("https://specs.frictionlessdata.io/schemas/data-package.json", Resource({}, DRAFT4)),
            ("http://json.schemastore.org/geojson.json", Resource(json.loads(geojson.read_text()), DRAFT4)),
        ]
    )
    profile = json.loads((OFFICIAL / "camtrap-dp-profile.json").read_text())
    validator = jsonschema.Draft4Validator(profile, registry=registry)
    descriptor = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(descriptor)] == []
    del descriptor["project"]["samplingDesign"]
    assert not validator.is_valid(descriptor)


def test_the_descriptor_says_what_is_in_the_package(package):
    descriptor = json.loads((package / "datapackage.json").read_text(encoding="utf-8"))
    assert descriptor["contributors"] == PROJECT["contributors"]
    assert descriptor["project"]["individualAnimals"] is False
    assert descriptor["temporal"] == {"start": "2024-04-30", "end": "2024-05-31"}
    assert descriptor["spatial"]["type"] == "Polygon"
    assert [0.5, -12.0] in descriptor["spatial"]["coordinates"][0]
    assert descriptor["taxonomic"] == [
        {"scientificName": "Cervus elaphus", "taxonRank": "species"},
        {"scientificName": "Felis silvestris", "taxonRank": "species"},
    ]
    assert [row["deploymentID"] for row in read(package / "deployments.csv")] == ["Hütte 7", "empty"]


def test_one_place_is_a_point(blank, tmp_path):
    save(tmp_path, {"a.mp4": blank}, deployments=DEPLOYMENTS[:1])
    descriptor = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    assert descriptor["spatial"] == {"type": "MultiPoint", "coordinates": [[4.25, 51.5]]}
    assert descriptor["taxonomic"] == []


def test_all_labels_without_a_scientific_name_are_said_and_nothing_is_written(result, blank, tmp_path):
    save(tmp_path, {"a.mp4": blank})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=r"for Wildkatze ♀, red deer; list them"):
        save(tmp_path, {"a.mp4": result}, taxa={})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_is_said(blank, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        save(tmp_path / "file", {"a.mp4": blank})


@pytest.mark.parametrize(
    ("change", "need"),
    [
        ({"contributors": []}, "contributors"),
        ({"contributors": [{"title": " "}]}, "contributors"),
        ({"contributors": "me"}, "contributors"),
        ({"project": None}, r"project\.title"),
        ({"project": {**PROJECT["project"], "samplingDesign": ""}}, r"samplingDesign: one of simpleRandom"),
        ({"project": {**PROJECT["project"], "captureMethod": "timeLapse"}}, "captureMethod"),
        ({"project": {**PROJECT["project"], "captureMethod": []}}, "captureMethod"),
    ],
)
def test_what_a_project_lacks_is_listed(change, need):
    assert list_missing_facts(PROJECT) == []
    needs = list_missing_facts(PROJECT | change)
    assert any(re.search(need, line) for line in needs)
