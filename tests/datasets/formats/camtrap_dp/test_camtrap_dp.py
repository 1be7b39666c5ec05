import csv
import json
import random
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.camtrap_dp.package import load_package
from wildact.datasets.formats.camtrap_dp.read import read_camtrap_dp
from wildact.datasets.formats.camtrap_dp.write import write_camtrap_dp
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.table import FORMATS, list_losses
from wildact.errors import DatasetError, OutputError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask
from wildact.types import Track, VideoInfo

EXAMPLE = Path(__file__).parents[4].parent / "shared" / "data" / "camtrap_dp" / "example"
needs_example = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the official example is not here")

DEPLOYMENTS = (
    "videos,deploymentID,latitude,longitude,deploymentStart,deploymentEnd,timeZone,cameraID\n"
    ".,d,51.5,4.2,2024-01-01 00:00,2024-12-31 00:00,Europe/Berlin,cam 1\n"
)
PROJECT = {
    "contributors": [{"title": "A"}],
    "project": {"title": "P", "samplingDesign": "targeted", "captureMethod": ["timeLapse"]},
}
SPECIES = ("red deer", "Luchs ♀")


@needs_example
def test_the_official_example_is_read_with_all_its_observations():
    package = load_package(EXAMPLE)
    assert (len(package.deployments), len(package.media), len(package.observations)) == (4, 423, 549)
    assert package == load_package(EXAMPLE / "datapackage.json")
    levels = [row["observationLevel"] for row in package.observations]
    assert (levels.count("media"), levels.count("event")) == (513, 36)


@needs_example
def test_of_the_example_what_has_no_boxes_is_counted_not_invented():
    dataset = read_camtrap_dp(EXAMPLE, Facts())
    assert len(dataset.videos) == 112
    assert not any(video.tracks for video in dataset.videos)
    assert dataset.dropped == (
        "311 media with animals that have no box on a numbered frame",
        "36 observations of events",
        "401 observations of these media",
        "4 places and dates of deployments",
    )
    sized = read_camtrap_dp(EXAMPLE, Facts(size=(2048, 1536)))
    assert sum(len(video.tracks) for video in sized.videos) == 20
    assert 112 + 36 + 381 + 20 == 549
    assert "381 observations of these media" in sized.dropped
    boxed = [video for video in sized.videos if video.tracks]
    assert {(v.info.frames, v.info.fps, v.site, v.camera) for v in boxed} == {
        (1, Fraction(0), "ce943ced", "315")
    }
    assert {track.label for video in boxed for track in video.tracks} == {"Ardea"}


@st.composite
def labelled(draw, root, name):
    width, height, length = draw(st.integers(4, 20)), draw(st.integers(4, 20)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    tracks, actions = [], []
    for number in draw(st.lists(st.integers(1, 9), max_size=2, unique=True)):
        frames = np.flatnonzero(rng.random(length) < 0.8)
        frames = frames if len(frames) else np.array([length - 1])
        corners = np.sort(rng.random((len(frames), 2, 2)) * (height, width), axis=1)[:, :, ::-1]
        boxes = (corners + np.array([[0, 0], [0.01, 0.01]])).reshape(-1, 4)
        masks = [
            encode_mask(rng.random((height, width)) < 0.5) if rng.random() < 0.6 else None for _ in frames
        ]
        tracks.append(
            Track(
                track_id=number,
                label=draw(st.sampled_from(SPECIES)),
                label_score=draw(st.sampled_from([1.0, 0.75])),
                frames=frames.astype(np.int64),
                boxes=np.minimum(boxes, (width, height) * 2).astype(np.float32),
                scores=rng.choice([1, 0.3, np.nan], len(frames)).astype(np.float32),
                masks=tuple(masks),
                occluded=rng.random(len(frames)) < 0.5 if draw(st.booleans()) else None,
                crowd=draw(st.booleans()),
            )
        )
        for _ in range(draw(st.integers(0, 2))):
            start = draw(st.integers(0, length - 1))
            label = draw(st.sampled_from(["walking", "läuft, ruht"]))
            actions.append(ActionLabel(number, label, start, draw(st.integers(start + 1, length))))
    fps = draw(st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(1, 3)]))
    return LabelledVideo(
        info=VideoInfo(root / name, width, height, fps, length, length / fps, "unknown"),
        site=draw(st.sampled_from(["", "Hütte 7"])),
        camera=draw(st.sampled_from(["", "a,b"])),
        light=draw(st.sampled_from([None, "dusk"])),
        tracks=tuple(sorted(tracks, key=lambda track: track.track_id)),
        actions=tuple(dict.fromkeys(actions)),
        recorded=draw(st.sampled_from(["2024-05-01T23:59:59", "2024-05-01T23:59:59.500000+05:30"])),
    )


def told(dataset):
    return [
        (
            video.info.path.relative_to(dataset.root),
            (video.info.width, video.info.height, video.info.fps, video.info.frames),
            (video.site, video.camera, video.light, video.recorded),
            [
                ((t.track_id, t.label, t.label_score, t.crowd), t.frames.tolist(), t.boxes.tolist(),
                 np.nan_to_num(t.scores, nan=-1).tolist(), t.masks,
                 None if t.occluded is None else t.occluded.tolist())
                for t in video.tracks
            ],
            sorted((a.track_id, a.start_frame, a.end_frame, a.action) for a in video.actions),
        )
        for video in dataset.videos
    ]  # fmt: skip


def prepare(root):
    (root / "deployments.csv").write_text(DEPLOYMENTS, encoding="utf-8")
    (root / "project.json").write_text(json.dumps(PROJECT), encoding="utf-8")
    (root / "species.csv").write_text("label,scientificName\nLuchs ♀,Lynx lynx\n", encoding="utf-8")


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_again(data):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        root.mkdir()
        prepare(root)
        videos = [data.draw(labelled(root, name)) for name in ("-a/b ü.mp4", "=x..avi")]
        actions = sorted({label.action for video in videos for label in video.actions})
        species = sorted({track.label for video in videos for track in video.tracks})
        dataset = Dataset(root, tuple(species), tuple(actions), tuple(videos), {})
        write_camtrap_dp(dataset, root / "package")
        back = read_camtrap_dp(root / "package", Facts())
    assert told(back) == told(dataset)
    assert (sorted(back.species), sorted(back.actions)) == (species, actions)
    assert back.dropped == ("1 place and dates of a deployment",)
    assert list_losses(dataset, FORMATS["camtrap-dp"]) == []


@pytest.fixture
def package(tmp_path):
    """A package of one video, with an animal on three frames."""
    prepare(tmp_path)
    track = Track(
        1, "red deer", 1.0, np.arange(3), np.tile(np.array([1, 1, 5, 5], np.float32), (3, 1)),
        np.ones(3, np.float32), (encode_mask(np.eye(8, dtype=bool)),) * 3,
    )  # fmt: skip
    info = VideoInfo(tmp_path / "v.mp4", 8, 8, Fraction(5), 3, Fraction(3, 5), "unknown")
    video = LabelledVideo(
        info, "s", "c", "day", (track,), (ActionLabel(1, "walking", 0, 2),), "2024-05-01T12:00:00"
    )
    dataset = Dataset(tmp_path, ("red deer",), ("walking",), (video,), {})
    write_camtrap_dp(dataset, tmp_path / "p")
    return dataset, tmp_path / "p"


def change(path, row, column, value):
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[row][column] = value
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("file", "column", "value", "said"),
    [
        ("media.csv", "mediaID", "", r"media\.csv, line 2: mediaID is empty"),
        ("media.csv", "deploymentID", "x", r"media\.csv, line 2: there is no deploymentID 'x'"),
        ("observations.csv", "mediaID", "x", r"observations\.csv, line 2: there is no mediaID 'x'"),
        ("observations.csv", "observationLevel", "x", "observationLevel 'x' is not media or event"),
        ("observations.csv", "observationTags", "track:1", "give no track, start_frame and end_frame"),
        ("observations.csv", "observationTags", "track:1|start_frame:0|end_frame:9", "after the video's end"),
        ("observations.csv", "observationTags", "track:7|start_frame:0|end_frame:1", "is no such track"),
        ("recordings.csv", "mediaID", "x", r"recordings\.csv, line 2: there is no mediaID 'x'"),
        ("recordings.csv", "fps", "1/0", "'1/0' is no frame rate"),
        ("recordings.csv", "fps", "1e999999999", "'1e999999999' is no frame rate"),
        ("recordings.csv", "frames", "x", "recording of media"),
        ("recordings.csv", "frames", "2", "are not all within the video"),
        ("recordings.csv", "width", "9", "run lengths must add up to 8 x 9"),
        ("recordings.csv", "video", "../../etc/passwd", "would lie outside the folder"),
        ("detections.csv", "mediaID", "x", r"detections\.csv: .* is of media 'x'"),
        ("detections.csv", "frame", "x", r"detections\.csv cannot be read"),
        ("detections.csv", "frame", "1", "strictly increasing frame numbers"),
        ("detections.csv", "x1", "", "x1 is empty"),
        ("detections.csv", "x1", "9", "turned inside out"),
        ("detections.csv", "x1", "inf", "turned inside out"),
        ("detections.csv", "x1", "-1e300", "turned inside out"),
        ("detections.csv", "score", "1e300", "1e[+]300 is no score from 0 to 1"),
        ("detections.csv", "mask", "zzz", "a run-length mask needs"),
        ("detections.csv", "label", "fox", "more than one label"),
    ],
)
def test_broken_tables_are_said(package, file, column, value, said):
    _, folder = package
    change(folder / file, 0, column, value)
    with pytest.raises(DatasetError, match=said):
        read_camtrap_dp(folder, Facts())


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda d: d.pop("resources"), "resources: field required"),
        (lambda d: d["resources"].pop(1), "lists no resource 'media'"),
        (
            lambda d: d["resources"][0].update(path="../deployments.csv"),
            "must be one file within the package",
        ),
        (lambda d: d["resources"][0].update(path=["a.csv", "b.csv"]), "must be one file within the package"),
        (lambda d: d["resources"][0].update(path="https://x.org/a.csv"), "does not exist"),
        (lambda d: d["resources"][0].update(path="media.csv"), "no line names the columns"),
    ],
)
def test_broken_descriptors_are_said(package, edit, said):
    _, folder = package
    path = folder / "datapackage.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DatasetError, match=said):
        load_package(folder)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match="not JSON"):
        load_package(folder)
    path.unlink()
    with pytest.raises(DatasetError, match="does not exist"):
        load_package(folder)


def test_a_bout_between_two_frames_is_counted(package):
    _, folder = package
    change(folder / "observations.csv", 0, "observationTags", "track:1 | start_frame:1 | end_frame:1")
    dataset = read_camtrap_dp(folder, Facts())
    assert dataset.videos[0].actions == ()
    assert "1 bout shorter than a frame" in dataset.dropped


def test_videos_of_others_are_taken_where_they_are_blank_only(package):
    _, folder = package
    for name in ("recordings", "detections"):
        (folder / f"{name}.csv").unlink()
    path = folder / "datapackage.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["resources"] = document["resources"][:3]
    path.write_text(json.dumps(document), encoding="utf-8")
    dataset = read_camtrap_dp(folder, Facts())
    assert dataset.videos == ()
    assert dataset.dropped[0] == "1 medium with animals that have no box on a numbered frame"
    change(folder / "observations.csv", 0, "observationType", "blank")
    (video,) = read_camtrap_dp(folder, Facts()).videos
    assert (video.info.fps, video.info.frames, video.tracks) == (0, None, ())
    assert (video.camera, video.recorded) == ("cam 1", "2024-05-01T12:00:00+02:00")
    change(folder / "media.csv", 0, "timestamp", "1970-01-01T00:00:13Z")
    dataset = read_camtrap_dp(folder, Facts())
    assert dataset.videos[0].recorded is None
    assert "1 time of a clock that was not set" in dataset.dropped


def test_what_a_package_needs_and_labels_lack_is_said(package, tmp_path):
    dataset, _ = package
    (video,) = dataset.videos
    with pytest.raises(OutputError, match="when it was recorded is unknown"):
        write_camtrap_dp(replace(dataset, videos=(replace(video, recorded=None),)), tmp_path / "q")
    (tmp_path / "deployments.csv").write_text(DEPLOYMENTS.replace("\n.,", "\nelsewhere,"), encoding="utf-8")
    with pytest.raises(OutputError, match=r"deployments\.csv has no row for v\.mp4"):
        write_camtrap_dp(dataset, tmp_path / "q")
    (tmp_path / "deployments.csv").unlink()
    with pytest.raises(DatasetError, match=r"deployments\.csv does not exist"):
        write_camtrap_dp(dataset, tmp_path / "q")
    assert not (tmp_path / "q").exists() or list((tmp_path / "q").iterdir()) == []


NOISE = (
    b"",
    b"9",
    b"-",
    b"1e999",
    b"nan",
    b"\xff",
    b"\x00",
    b",",
    b"\n",
    b'"',
    b"../",
    b"track:",
    b"{",
    b"\xed\xa0\x80",
)


@given(seed=st.integers(0, 10**9))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_package_nothing_but_our_error_is_raised(package, seed):
    _, folder = package
    rng = random.Random(seed)
    file = rng.choice(sorted(folder.iterdir()))
    whole = file.read_bytes()
    content = bytearray(whole)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(content) + 1)
        content[place : place + rng.randint(0, 4)] = rng.choice(NOISE)
    file.write_bytes(content)
    try:
        read_camtrap_dp(folder, Facts(size=(8, 8)))
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017
    finally:
        file.write_bytes(whole)
