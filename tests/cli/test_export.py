"""``wildact export`` as a user meets it."""

import csv
import json
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.cli.export import Target
from wildact.cli.main import main
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.table import FORMATS
from wildact.export import VideoOutcome, save_result, save_tables
from wildact.masks import encode_mask
from wildact.types import ActionScores, Bout, Track, VideoInfo, VideoResult

DEPLOYMENTS = (
    "videos,deploymentID,latitude,longitude,deploymentStart,deploymentEnd,timeZone,clockOffset\n"
    "S1/C1,one,51.5,4.2,2024-04-30 12:00,2024-06-01 12:00,Europe/Berlin,+00:01:00\n"
    ".,rest,51.5,4.3,2024-04-30 12:00,2024-06-01 12:00,Europe/Berlin,\n"
)
PROJECT = {
    "contributors": [{"title": "A"}],
    "project": {"title": "P", "samplingDesign": "targeted", "captureMethod": ["timeLapse"]},
}
VIDEOS = ("S1/C1/-a ü 20240501_120000.mp4", "PICT0001.AVI")


def build(path, *, blank=False, label="red deer"):
    mask = np.zeros((48, 64), bool)
    mask[10:20, 10:30] = True
    track = Track(
        1, label, 0.9, np.arange(10), np.tile(np.array([10, 10, 30, 20], np.float32), (10, 1)),
        np.array([0.9] * 9 + [np.nan], np.float32), (encode_mask(mask),) * 9 + (None,),
    )  # fmt: skip
    scores = ActionScores(1, ("walking",), np.zeros(1), np.ones(1), np.ones((1, 1), np.float32))
    return VideoResult(
        VideoInfo(path, 64, 48, Fraction(10), 10, Fraction(1), "h264"), "day", np.arange(10), Fraction(1, 10),
        () if blank else (track,), () if blank else (scores,),
        () if blank else (Bout(1, "walking", 0, 1, 0.8),),
        detected=np.arange(9), models={"detector": {"name": "net", "classes": ["red deer", "lynx"]}},
    )  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A folder as ``wildact run`` leaves it, of two videos and one that failed."""
    folder = tmp_path / "o u t"
    outcomes = [VideoOutcome("c.mp4", Path("c.mp4"), None, "c.mp4: the file is empty.", None)]
    for k, name in enumerate(VIDEOS):
        result, place = build(tmp_path / "v" / name, blank=k == 1), folder / "videos" / f"v{k}"
        save_result(place, result)
        (place / "done.json").write_text(json.dumps({"video": name}), encoding="utf-8")
        outcomes.append(VideoOutcome(name, result.info.path, result, None, place))
    save_tables(folder, outcomes)
    return folder


@pytest.fixture
def call(monkeypatch, capsys, run):
    """``call("boris", "x.boris", ...)``: exit code, stdout and stderr of the export."""

    def export(to, out, *options):
        arguments = ["wildact", "export", str(run), "--to", to, "--out", str(out), *map(str, options)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as end:
            main()
        told, warned = capsys.readouterr()
        assert "Traceback" not in told + warned
        return end.value.code or 0, told, warned

    return export


@pytest.fixture
def facts(tmp_path):
    """Options that name the tables of a user who filled them."""
    (tmp_path / "d.csv").write_text(DEPLOYMENTS, encoding="utf-8")
    (tmp_path / "p.json").write_text(json.dumps(PROJECT), encoding="utf-8")
    (tmp_path / "t.csv").write_text("video,recorded\nPICT0001.AVI,2024-05-02 06:07:08\n", encoding="utf-8")
    names = {"--deployments": "d.csv", "--project": "p.json", "--times": "t.csv"}
    return [part for option, name in names.items() for part in (option, tmp_path / name)]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_package_with_the_times_of_names_and_tables(call, facts, tmp_path):
    code, told, warned = call("camtrap-dp", tmp_path / "p", *facts)
    assert code == 0, warned
    assert "2 videos in" in told
    assert "could not be analysed: c.mp4: c.mp4: the file is empty." in warned
    assert "Not in the export: the scores of all actions in 1 clip." in warned
    media = {row["filePath"]: row for row in read(tmp_path / "p/media.csv")}
    assert media["PICT0001.AVI"]["timestamp"] == "2024-05-02T06:07:08+02:00"
    assert media["PICT0001.AVI"]["mediaComments"] == "time from t.csv, read in Europe/Berlin"
    named = media[VIDEOS[0]]
    assert (named["deploymentID"], named["timestamp"]) == ("one", "2024-05-01T12:01:00+02:00")
    assert named["mediaComments"] == "time from file name, read in Europe/Berlin, clock offset +60 s"
    kinds = [row["observationType"] for row in read(tmp_path / "p/observations.csv")]
    assert kinds == ["blank", "blank", "animal", "animal"]


def test_templates_ask_for_what_is_missing_and_are_not_overwritten(call, run, tmp_path):
    code, told, _ = call("camtrap-dp", tmp_path / "f", "--template")
    assert code == 0
    assert "Fill deployments.csv, project.json, times.csv in" in told
    assert [row["videos"] for row in read(tmp_path / "f/deployments.csv")] == [".", "S1/C1"]
    assert [row["video"] for row in read(tmp_path / "f/times.csv")] == sorted(VIDEOS)
    code, _, warned = call("camtrap-dp", tmp_path / "f", "--template")
    assert code == 1
    assert "exists already" in warned
    code, _, warned = call(
        "camtrap-dp",
        tmp_path / "p",
        "--deployments",
        tmp_path / "f/deployments.csv",
        "--project",
        tmp_path / "x",
    )
    assert code == 1
    assert "line 2: latitude, longitude, deploymentStart, deploymentEnd; line 3: latitude" in warned


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Camtrap DP needs --deployments, a table of .* and --project, a JSON file"),
        (["--deployments", "d.csv"], "Camtrap DP needs --project"),
        (["--deployments", "d.csv", "--project", "x.json"], r"neither tags nor the file's name"),
        (["--deployments", "s.csv", "--project", "p.json"], "no row of --deployments is about PICT0001.AVI"),
        (["--deployments", "d.csv", "--project", "x.json", "--times", "t.csv"], r"x\.json does not exist"),
        (["--timezone", "Mars"], "--timezone: 'Mars' is no time zone"),
        (["--clock-offset", "1:30"], "--clock-offset: '1:30' is no clock offset"),
        (["--times", "d.csv"], "no line names the columns video, recorded"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_before_anything_is_written(
    call, facts, tmp_path, monkeypatch, options, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.csv").write_text("".join(DEPLOYMENTS.splitlines(keepends=True)[:2]), encoding="utf-8")
    code, _, warned = call("camtrap-dp", "p", *options)
    assert code == 1
    assert re.search(said, warned)
    assert not (tmp_path / "p").exists()


def test_a_label_without_a_scientific_name(call, run, facts, tmp_path):
    save_result(run / "videos/v0", build(tmp_path / "v" / VIDEOS[0], label="Jötunn"))
    code, _, warned = call("camtrap-dp", tmp_path / "p", *facts)
    assert code == 1
    assert "no scientific name is known for Jötunn" in warned
    assert call("camtrap-dp", tmp_path / "f", "--template")[0] == 0
    assert [row["label"] for row in read(tmp_path / "f/species.csv")] == ["Jötunn"]
    (tmp_path / "s.csv").write_text("label,scientificName\nJötunn,Homo ferox\n", encoding="utf-8")
    assert call("camtrap-dp", tmp_path / "p", *facts, "--species", tmp_path / "s.csv")[0] == 0


def test_what_is_doubtful_is_said(call, run, facts, tmp_path):
    (tmp_path / "t.csv").write_text(
        "video,recorded\nPICT0001.AVI,2023-05-02 06:07:08\nother,2024-05-02 06:07:08\n", encoding="utf-8"
    )
    code, _, warned = call("camtrap-dp", tmp_path / "p", *facts)
    assert code == 0
    assert "PICT0001.AVI: recorded 2023-05-02T06:07:08+02:00, outside its deployment rest" in warned
    assert "The table of times names other, of which there is no result." in warned


def test_boris_and_megadetector_say_what_they_cannot_hold(call, tmp_path):
    code, _, warned = call("boris", tmp_path / "x.boris", "--timezone", "+01:00")
    assert code == 0
    assert "Not in the export: 10 boxes; 9 masks; the scores of all actions in 1 clip." in warned
    observations = json.loads((tmp_path / "x.boris").read_text())["observations"]
    assert observations[VIDEOS[0]]["date"] == "2024-05-01T12:00:00"
    code, _, warned = call("megadetector", tmp_path / "x.json")
    assert code == 0
    assert (
        "Not in the export: 9 masks; 1 box between detections; which boxes are the same animal (1 track);"
        " 1 bout of an action." in warned
    )
    assert len(json.loads((tmp_path / "x.json").read_text())["images"]) == 2


@pytest.mark.parametrize("name", ["cvat", "coco", "youtube-vis", "mot", "label-studio"])
def test_formats_of_labels_come_back(call, tmp_path, name):
    out = tmp_path / {"cvat": "x", "mot": "x"}.get(name, "x.json")
    code, told, warned = call(name, out)
    assert code == 0, warned
    assert "2 videos in" in told
    assert "the scores of all actions in 1 clip" in warned
    format_ = FORMATS[name]
    back = format_.read(out, Facts()) if format_.takes_facts else format_.read(out)
    assert sum(len(track) for video in back.videos for track in video.tracks) == 10
    assert {track.label for video in back.videos for track in video.tracks} == {"red deer"}


@pytest.mark.parametrize("target", [Target.BORIS, Target.MOT])
def test_what_a_person_may_have_corrected_is_not_replaced(call, tmp_path, target):
    out = tmp_path / "x"
    assert call(target, out)[0] == 0
    before = {path: path.read_bytes() for path in [out, *out.rglob("*")] if path.is_file()}
    code, _, warned = call(target, out)
    assert code == 1
    assert "is there already" in warned
    assert {path: path.read_bytes() for path in before} == before
    assert call(target, out, "--overwrite")[0] == 0


def test_every_target_has_a_writer():
    assert set(Target) <= set(FORMATS)


@pytest.mark.parametrize("target", list(Target))
def test_a_folder_of_something_else_is_said(call, run, tmp_path, target):
    (run / "videos.csv").unlink()
    code, _, warned = call(target, tmp_path / "p")
    assert code == 1
    assert "is no folder of results" in warned
