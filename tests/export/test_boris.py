import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.errors import OutputError
from wildact.export.boris import merge_bouts, save_boris
from wildact.export.recording import Recording
from wildact.types import Bout

CREATED = datetime(2024, 6, 1, 8, 30)


def save(folder, *recordings, **options):
    path = folder / "p r.boris"
    save_boris(path, iter(recordings), created=CREATED, **options)
    return json.loads(path.read_text(encoding="ascii"))


def pair(observation):
    """Bouts as BORIS makes them of events: starts and stops of a subject's behaviour alternate."""
    times = defaultdict(list)
    for time, subject, code, modifiers, *_ in observation["events"]:
        times[subject, code, modifiers].append(time)
    assert all(len(row) % 2 == 0 for row in times.values())
    return sorted(
        (subject, code, *span)
        for (subject, code, _), row in times.items()
        for span in zip(row[::2], row[1::2], strict=True)
    )


@pytest.mark.parametrize("recorded", ["31.01.2024, 08:15", "2024:01:31 23:59:59"])
def test_a_time_that_is_no_date_is_kept_as_it_is_written(result, tmp_path, recorded):
    project = save(tmp_path, Recording("a.mp4", result, recorded=recorded, machine=False))
    (observation,) = project["observations"].values()
    assert observation["independent_variables"]["recorded"] == recorded
    assert observation["date"] == project["project_date"]
    assert "among the variables" in observation["description"]
    assert project["project_description"] == ""  # people found it


def test_subjects_ethogram_and_state_events(result, tmp_path):
    recording = Recording(" a/b.mp4", result, recorded="2024-05-01T12:00:00.5+02:00", site="a", light="ir")
    project = save(tmp_path, recording, actions=["resting", "walking", "unused"])
    assert project["project_format_version"] == "7.0"
    assert [s["name"] for s in project["subjects_conf"].values()] == ["Wildkatze ♀ 2", "red deer 1"]
    behaviors = list(project["behaviors_conf"].values())
    assert [b["code"] for b in behaviors] == ["resting", "walking", "unused"]
    assert {b["type"] for b in behaviors} == {"State event"}
    assert len({b["key"] for b in behaviors}) == 3
    (name,) = project["observations"]
    observation = project["observations"][name]
    assert (name, observation["date"]) == ("a/b.mp4", "2024-05-01T12:00:00")
    assert observation["independent_variables"] == {
        "site": "a", "camera": "", "light": "ir", "recorded": "2024-05-01T12:00:00.5+02:00",
    }  # fmt: skip
    assert pair(observation) == [
        ("Wildkatze ♀ 2", "walking", 0.4, 1.6),
        ("red deer 1", "resting", 1.2, 2.0),
        ("red deer 1", "walking", 0.0, 1.2),
    ]
    assert [event[0] for event in observation["events"]] == sorted(e[0] for e in observation["events"])
    assert observation["events"][0][4] == "score 0.80"


def test_media_are_named_where_boris_finds_them(result, tmp_path):
    inside = replace(result, info=replace(result.info, path=tmp_path / "v ü" / "-x.mp4"))
    outside = replace(result, info=replace(result.info, path=tmp_path.parent / "y.mp4"))
    project = save(tmp_path, Recording("x", inside), Recording("y", outside))
    media = {name: o["file"]["1"][0] for name, o in project["observations"].items()}
    assert media == {"x": "v ü/-x.mp4", "y": str(tmp_path.parent / "y.mp4")}
    project = save(tmp_path, Recording("x", inside, audio=True), Recording("y", outside))
    sound = [o["media_info"]["hasAudio"] for o in project["observations"].values()]
    assert sound == [{"v ü/-x.mp4": True}, {str(tmp_path.parent / "y.mp4"): False}]
    for name, observation in project["observations"].items():
        assert observation["media_info"]["length"] == {media[name]: 2.0}
        assert observation["media_info"]["fps"] == {media[name]: 10.0}


def test_an_unknown_time_is_said(blank, tmp_path):
    (observation,) = save(tmp_path, Recording("x", blank))["observations"].values()
    assert observation["date"] == "2024-06-01T08:30:00"
    assert "unknown" in observation["description"]
    assert observation["events"] == []


def test_two_videos_of_one_name_are_refused(blank, tmp_path):
    with pytest.raises(OutputError, match="two videos are called 'x'"):
        save(tmp_path, Recording("x", blank), Recording("x ", blank))
    assert list(tmp_path.iterdir()) == []


def test_keys_run_out(blank, tmp_path):
    actions = [f"act {k}" for k in range(50)]
    project = save(tmp_path, Recording("x", blank), actions=actions)
    keys = [b["key"] for b in project["behaviors_conf"].values()]
    assert len({key for key in keys if key}) == 26
    assert keys.count("") == 24


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.integers(0, 9), st.integers(1, 4)), max_size=8
    )
)
def test_bouts_that_overlap_become_one_and_all_others_stay(rows):
    bouts = [Bout(track, action, start, start + length, 1.0) for track, action, start, length in rows]
    merged = merge_bouts(bouts)

    def covered(some):
        cover = defaultdict(lambda: np.zeros(14, bool))
        for bout in some:
            cover[bout.track_id, bout.action][int(bout.start_s) : int(bout.end_s)] = True
        return {key: row.tolist() for key, row in cover.items()}

    assert covered(merged) == covered(bouts)
    for one in merged:
        for other in merged:
            alike = (one.track_id, one.action) == (other.track_id, other.action)
            assert one is other or not alike or one.end_s <= other.start_s or other.end_s <= one.start_s
