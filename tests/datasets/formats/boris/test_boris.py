import csv
import gzip
import io
import json
import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.boris import project as module
from wildact.datasets.formats.boris.read import read_boris
from wildact.datasets.formats.boris.write import write_boris
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.table import FORMATS, list_losses
from wildact.datasets.words import plural
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import VideoInfo

NO_FACTS = Facts()


def behavior(code, kind="State event"):
    return {"type": kind, "key": code[0], "code": code, "description": "", "category": "", "modifiers": {}}


def project(**changes):
    """A project as BORIS 9 writes it: two files played one after the other, times with an offset."""
    observation = {
        "type": "MEDIA",
        "date": "2024-05-01T12:00:00.000",
        "description": "",
        "file": {"1": ["/home/u/v/a/x.mp4", "/home/u/v/b/y ü.mp4"], "2": ["/home/u/v/side.mp4"]},
        "time offset": 100.0,
        "independent_variables": {"site": "Wald", "light": "dawn", "weather": "rain"},
        "media_info": {
            "length": {"/home/u/v/a/x.mp4": 10.0, "/home/u/v/b/y ü.mp4": 4.0},
            "fps": {"/home/u/v/a/x.mp4": 29.97002997002997, "/home/u/v/b/y ü.mp4": 25.0},
        },
        "events": [
            [100.0, "doe", "walk", "", "", 0],
            [101.0, "", "alarm", "", "", 30],
            [102.0, "doe", "walk", "", "hesitates", 60],
            [102.0, "fawn", "walk", "slow", "", 60],
            [109.0, "doe", "rest", "None", "", "NA"],
            [112.0, "fawn", "walk", "slow", "", 50],
            [113.0, "doe", "rest", "None", "", "NA"],
            [113.0, "doe", "walk", "", "", 75],
            [113.001, "doe", "walk", "", "", 75],
        ],
    }
    return {
        "project_name": "t",
        "project_format_version": "7.0",
        "subjects_conf": {"0": {"key": "", "name": "fawn"}, "1": {"key": "", "name": "doe"}},
        "behaviors_conf": {
            "0": behavior("walk"), "1": behavior("rest"), "2": behavior("alarm", "Point event"),
            "3": behavior("dig"),
        },
        "observations": {"obs 1": observation | changes, "live": {"type": "LIVE", "file": [], "events": []}},
    }  # fmt: skip


def read(folder, content, name="p.boris", facts=NO_FACTS):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_boris(path, facts)


def labels(video):
    return [(a.track_id, a.action, a.start_frame, a.end_frame) for a in video.actions]


def test_a_project_becomes_actions_of_animals_without_boxes(tmp_path):
    dataset = read(tmp_path, project())
    one, two = dataset.videos
    assert (one.info.path, two.info.path) == (tmp_path / "a/x.mp4", tmp_path / "b/y ü.mp4")
    assert (one.info.fps, one.info.frames, one.site) == (Fraction(30000, 1001), 300, "Wald")
    assert (two.info.frames, two.light, two.recorded, two.tracks) == (100, None, None, ())
    assert labels(one) == [(1, "walk", 60, 300), (2, "walk", 0, 60), (2, "rest", 270, 300)]
    assert labels(two) == [(1, "walk", 0, 50), (2, "rest", 0, 75)]
    assert dataset.actions == ("walk", "rest", "dig")
    assert set(dataset.dropped) == {
        "1 bout that is shorter than a frame", "1 comment of an event", "1 media file in a further player",
        "1 observation that is not of video files", "1 point event", "2 modifiers of events",
        "1 light that is not day, dusk or ir", "1 variable that wildact has no place for",
        "2 names of subjects",
    }  # fmt: skip


def test_packed_projects_and_byte_order_marks(tmp_path):
    plain = read(tmp_path, project())
    packed = read(tmp_path, gzip.compress(json.dumps(project()).encode()), "p.boris.gz")
    assert packed.videos == plain.videos
    assert read(tmp_path, b"\xef\xbb\xbf" + json.dumps(project()).encode()).videos == plain.videos


def test_a_packed_project_that_swells_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_BYTES", 1000)
    with pytest.raises(DatasetError, match="larger than any project when unpacked"):
        read(tmp_path, gzip.compress(bytes(1001)), "p.boris.gz")


def test_numbers_in_names_are_kept_and_media_keep_to_the_folder(tmp_path):
    content = project(
        file={"1": ["../clips/-x.mp4"]},
        media_info={"length": {"../clips/-x.mp4": 20}, "fps": {"../clips/-x.mp4": 10}},
        events=[[t, s, "walk", "", ""] for s in ("deer 7", "deer 3") for t in (101, 102)],
    )
    (video,) = read(tmp_path, content).videos
    assert video.info.path == tmp_path / "-x.mp4"
    assert labels(video) == [(3, "walk", 10, 20), (7, "walk", 10, 20)]
    content["observations"]["obs 1"]["file"] = {"1": ["C:\\Users\\u\\-x.mp4"]}
    content["observations"]["obs 1"]["media_info"] = {}
    with pytest.raises(DatasetError, match=r"the frame rate of '.*-x\.mp4' is unknown; give it \(--fps\)"):
        read(tmp_path, content)
    (video,) = read(tmp_path, content, facts=Facts(fps=Fraction(5))).videos
    assert (video.info.path, video.info.frames) == (tmp_path / "-x.mp4", None)
    assert labels(video) == [(3, "walk", 5, 10), (7, "walk", 5, 10)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"events": [[101, "doe", "walk", "", ""]]}, "'walk' of 'doe' at 1 s never stops"),
        ({"events": [[101, "", "fly", "", ""]]}, "event 1: the behaviour 'fly' is not in the ethogram"),
        ({"events": [["x", "", "walk", "", ""]]}, "event 1: the time must be a number, not 'x'"),
        ({"events": [["1e999999999", "", "walk", "", ""]]}, "event 1: the time must be a number"),
        ({"events": [[True, "", "walk", "", ""]]}, "event 1: the time must be a number, not True"),
        ({"events": [[1]]}, "event 1: it must be a list"),
        ({"events": {}}, "'events' must be a list"),
        ({"events": [[t, "", "walk", "", ""] for t in (101, 170)]}, "does not lie within its 4 s"),
        (
            {"events": [[t, "", "walk", "", ""] for t in (102, 101)]},
            "'walk' of 'no focal subject' at 1 s starts twice",
        ),
        ({"file": []}, "'file' must be an object of lists"),
        ({"file": {"1": []}}, "has no media file in its first player"),
        ({"file": {"1": [".."]}}, "'..' is no name of a media file"),
        ({"media_info": {}}, "the length of '/home/u/v/a/x.mp4' is unknown"),
        ({"media_info": {"length": {"/home/u/v/a/x.mp4": "long"}}}, "the length of .* must be a number"),
        ({"time offset": "x"}, "'time offset' must be a number"),
    ],
)
def test_broken_observations_are_said(tmp_path, changes, said):
    with pytest.raises(DatasetError, match=said) as caught:
        read(tmp_path, project(**changes))
    assert "p.boris" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON"),
        (b"{}", "is no BORIS project: 'behaviors_conf'"),
        (b'{"a":' + b"[" * 100_000, "is not JSON"),
        (b"\x1f\x8bxx", "cannot be read"),
        (b"[1]", "neither a BORIS project nor an export of events"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"", "neither a BORIS project nor an export of events"),
    ],
)
def test_what_is_no_project_is_said(tmp_path, content, said):
    with pytest.raises(DatasetError, match=said):
        read(tmp_path, content)
    with pytest.raises(DatasetError, match="does not exist"):
        read_boris(tmp_path / "q.boris", NO_FACTS)


def test_two_observations_of_one_video_are_refused(tmp_path):
    content = project()
    content["observations"]["obs 2"] = content["observations"]["obs 1"]
    with pytest.raises(DatasetError, match="is there twice"):
        read(tmp_path, content)


# -- exported tables ---------------------------------------------------------------------------------------

COMMON = {
    "Observation id": "o", "Observation date": "2024-05-01", "Description": "",
    "Observation type": "Media file(s)", "Source": "player #1:a/x.mp4;y.mp4|player #2:z.mp4",
    "Time offset (s)": "1.5", "Media duration (s)": "10.000;4.000|8.000", "FPS": "25.000;10.000|25.000",
    "site": "Wald",
}  # fmt: skip


def table(rows, delimiter="\t"):
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, columns, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def tabular(subject, code, status, time, **more):
    return COMMON | {"Subject": subject, "Behavior": code, "Behavior type": status, "Time": time} | more


def test_tabular_and_aggregated_exports_say_the_same(tmp_path):
    events = [
        tabular("doe", "walk", "START", "2.5"),
        tabular("No focal subject", "rest", "START", "3"),
        tabular("doe", "alarm", "POINT", "4"),
        tabular("doe", "walk", "STOP", "13.5", Comment="x"),
        tabular("No focal subject", "rest", "STOP", "5"),
    ]
    spans = [("doe", "walk", "STATE", "2.5", "13.5"), ("doe", "alarm", "POINT", "4", "4"),
             ("No focal subject", "rest", "STATE", "3", "5")]  # fmt: skip
    aggregated = [
        COMMON | {"Subject": s, "Behavior": b, "Behavior type": kind, "Start (s)": start, "Stop (s)": stop}
        for s, b, kind, start, stop in spans
    ]
    for content in (table(events), table(events, ","), b"Project\tt\n\n" + table(aggregated)):
        one, two = read(tmp_path, content, "e.tsv").videos
        assert (one.info.path, one.info.fps, one.info.frames) == (tmp_path / "a/x.mp4", 25, 250)
        assert (two.info.frames, two.site) == (40, "Wald")
        assert labels(one) == [(1, "walk", 25, 250), (2, "rest", 38, 88)]
        assert labels(two) == [(1, "walk", 0, 20)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [tabular("", "walk", "STOP", "3")],
            "'walk' of 'no focal subject' at 1.5 s stops without having started",
        ),
        ([tabular("", "walk", "START", "3")], "never stops"),
        ([tabular("", "walk", "START", "x")], r"e\.tsv, line 2: Time must be a number"),
        ([tabular("", "walk", "START", "3") | {"Source": ""}], "names no media file"),
        (
            [COMMON | {"Subject": "", "Behavior": "a", "Start (s)": "3", "Stop (s)": "2"}],
            "stops before it starts",
        ),
        ([COMMON | {"Subject": ""}], "neither a BORIS project nor an export of events"),
    ],
)
def test_broken_tables_are_said(tmp_path, rows, said):
    with pytest.raises(DatasetError, match=said):
        read(tmp_path, table(rows), "e.tsv")


@given(st.sampled_from(["tabular", "aggregated"]), st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_stands_in_a_table_only_dataset_errors_come(tmp_path_factory, kind, data):
    rows = [tabular("doe 1", "walk", "START", "2.5"), tabular("doe 1", "walk", "STOP", "13.5")]
    if kind == "aggregated":
        rows = [COMMON | {"Subject": "doe 1", "Behavior": "walk", "Start (s)": "2.5", "Stop (s)": "13.5"}]
    noise = st.sampled_from(
        [
            "",
            "NA",
            "-1",
            "1e999999999",
            "inf",
            "0",
            "\x00",
            "../../x",
            "player #1:",
            ";|;",
            "ä\n",
            '"',
            "9" * 5000,
        ]
    )
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(rows))
        row[data.draw(st.sampled_from(list(row)))] = data.draw(noise)
    try:
        read(tmp_path_factory.getbasetemp(), table(rows), "noise.tsv")
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017  # that nothing else is raised is what is tested


def test_live_observations_are_counted(tmp_path):
    live = tabular("doe", "walk", "START", "2.5") | {"Observation type": "Live observation", "Source": "NA"}
    assert read(tmp_path, table([live]), "e.tsv").dropped == ("1 observation that is not of video files",)


# -- round trip --------------------------------------------------------------------------------------------


@st.composite
def videos(draw, root, name):
    length = draw(st.integers(1, 40))
    actions = []
    for number in draw(st.lists(st.integers(1, 30), max_size=3, unique=True)):
        for action in draw(st.lists(st.sampled_from(["walking", "läuft, 'ruht'"]), unique=True)):
            cuts = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=4)))
            spans = pairwise(cuts)  # bouts that follow each other, with gaps or without
            actions += [ActionLabel(number, action, *span) for span in spans if draw(st.booleans())]
    fps = draw(st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(1, 3), Fraction(7919, 263)]))
    return LabelledVideo(
        info=VideoInfo(root / name, 64, 48, fps, length, length / fps, "unknown"),
        site=draw(st.sampled_from(["", "Hütte 7"])),
        camera=draw(st.sampled_from(["", "a,b"])),
        light=draw(st.sampled_from([None, "dusk"])),
        tracks=(),
        actions=tuple(sorted(actions, key=lambda a: (a.track_id, a.start_frame, a.end_frame, a.action))),
        recorded=draw(st.sampled_from([None, "2024-05-01T23:59:59.5+05:30"])),
    )


def told(dataset):
    return [
        (v.info.path.relative_to(dataset.root), v.info.fps, v.info.frames, v.site, v.camera, v.light,
         v.recorded, sorted(labels(v)))
        for v in dataset.videos
    ]  # fmt: skip


def test_bouts_of_one_action_that_overlap_become_one_and_that_is_announced(tmp_path):
    actions = (
        ActionLabel(1, "walking", 0, 10),
        ActionLabel(1, "walking", 5, 20),
        ActionLabel(1, "eating", 3, 9),
    )
    info = VideoInfo(tmp_path / "a.mp4", 64, 48, Fraction(25), 30, Fraction(30, 25), "unknown")
    dataset = Dataset(
        tmp_path, (), ("walking", "eating"), (LabelledVideo(info, "", "", None, (), actions),), {}
    )
    assert "1 bout that overlaps with one of the same action" in list_losses(dataset, FORMATS["boris"])
    write_boris(dataset, tmp_path / "p.boris")
    (video,) = read_boris(tmp_path / "p.boris", NO_FACTS).videos
    assert sorted(labels(video)) == [(1, "eating", 3, 9), (1, "walking", 0, 20)]


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_again(data):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        found = [data.draw(videos(root, name)) for name in ("-a/b ü.mp4", "c.mp4")]
        dataset = Dataset(root, (), ("walking", "läuft, 'ruht'", "unused"), tuple(found), {})
        write_boris(dataset, root / "p.boris")
        back = read_boris(root / "p.boris", NO_FACTS)
    assert told(back) == told(dataset)
    assert back.actions == dataset.actions
    assert list_losses(dataset, FORMATS["boris"]) == ["the frame size of 2 videos"]
    subjects = {label.track_id for video in found for label in video.actions}
    names = plural(len(subjects), "name of a subject", "names of subjects")
    assert back.dropped == ((names,) if names else ())
