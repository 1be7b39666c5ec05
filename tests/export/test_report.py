import re
from dataclasses import replace
from pathlib import Path

import pytest

from wildact.export import VideoOutcome, save_ethogram, save_report
from wildact.types import UNKNOWN

RUN = {
    "models": {
        "detector": {
            "name": "d", "file": "d.safetensors", "sha256": "ab" * 32, "licence": "Apache-2.0",
            "trained_on": "simulated clips",
        },
        "recognizer": {
            "name": "r", "file": "r.safetensors", "sha256": "cd" * 32, "licence": "Apache-2.0",
            "trained_on": "simulated clips", "trained_on_simulation": True,
        },
    },
    "environment": {"date_utc": "2026-11-24T03:00:00", "versions": {"wildact": "0.1.0"}},
}  # fmt: skip


@pytest.fixture
def page(result, blank, tmp_path):
    save_ethogram(tmp_path / "ethogram.png", result, title="x")
    outcomes = [
        VideoOutcome("a.mp4", Path("a.mp4"), result, None, tmp_path),
        VideoOutcome("<script>alert(1)</script>.mp4", Path("b"), blank, None, None),
        VideoOutcome("c.mp4", Path("c"), None, "c.mp4 is empty: copy it again from the card.", None),
    ]
    save_report(tmp_path, iter(outcomes), run=RUN)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(page):
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_it_counts_videos_animals_and_says_why_one_failed(page):
    assert "c.mp4 is empty: copy it again from the card." in page
    figures = re.findall(r"<b>([^<]*)</b><span>([^<]*)", page)
    assert {name: value for value, name in figures} == {
        "with animals, people or vehicles": "1", "blank": "1", "failed": "1", "tracks": "2",
        "of video": "4.0 s",
    }  # fmt: skip


def test_activity_budget_adds_up_by_species_and_light(page):
    text = re.sub(r"<[^>]+>", " ", page)
    assert re.search(r"red deer\s+1\s+2\.0 s\s+100 %\s+40 %\s+60 %", text)  # resting, walking
    assert re.search(r"Wildkatze ♀\s+1\s+1\.2 s\s+100 %\s+–\s+100 %", text)
    assert re.search(r"by day\s+2\s+3\.2 s\s+100 %\s+25 %\s+75 %", text)


def test_an_animal_seen_too_briefly_for_a_bout_is_on_the_page(result, tmp_path):
    brief = VideoOutcome("a.mp4", Path("a.mp4"), replace(result, bouts=()), None, None)
    save_report(tmp_path, [brief], run=RUN)
    text = re.sub(r"<[^>]+>", " ", (tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "No animal was found" not in text
    assert re.search(r"red deer\s+1\s+0\.0 s", text)
    assert re.search(r"by day\s+2\s+0\.0 s", text)


def test_it_says_at_the_actions_that_their_network_saw_simulated_clips_only(page):
    budget = page[page.index("Activity budget") : page.index('class="budget"')]
    assert "named by a network trained on simulated clips" in budget
    assert "The detector was trained on" not in page
    assert "ab" * 32 in page


def test_unknown_actions_come_last_and_grey(result, tmp_path):
    bouts = (replace(result.bouts[0], action=UNKNOWN), *result.bouts[1:])
    outcome = VideoOutcome("a.mp4", Path("a.mp4"), replace(result, bouts=bouts), None, None)
    save_report(tmp_path, [outcome], run={})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    names = re.findall(r'<i style="background:(#\w+)"></i>([^<]+)', page)
    assert names[-1] == ("#d6dadf", "unknown")
    assert "trained on simulated" not in page


def test_an_empty_batch_is_a_page_too(tmp_path):
    save_report(tmp_path, [], run={})
    assert "No animal was found" in (tmp_path / "report.html").read_text()


def test_pictures_end_where_the_page_would_be_too_large(result, blank, tmp_path):
    outcomes = []
    for name in ("a", "b", "c", "d"):
        folder = tmp_path / "videos" / name
        folder.mkdir(parents=True)
        save_ethogram(folder / "ethogram.png", result, title=name)
        (folder / "thumbnail.jpg").write_bytes(name.encode() * 1000)
        found = blank if name == "d" else result
        outcomes.append(VideoOutcome(f"{name}.mp4", Path(f"{name}.mp4"), found, None, folder))
    one = sum(path.stat().st_size for path in (tmp_path / "videos/a").iterdir())
    save_report(tmp_path, outcomes, run=RUN, most_pictures=2 * one + 500)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(re.findall("data:image/png", page)) == len(re.findall("data:image/jpeg", page)) == 2
    assert re.findall("Pictures: ([^<]*)", page) == ["videos/c", "videos/d"]
    assert "those of the last 2 lie in" in page
    assert page.count("<details>") == 4


def test_a_page_with_all_pictures_does_not_speak_of_others(page):
    assert "too large" not in page
    assert "Pictures:" not in page


def test_the_name_of_an_animal_stands_with_its_rank_and_scientific_name(result, tmp_path):
    tracks = tuple(
        replace(track, label="deer", rank="family", scientific_name="Cervidae") for track in result.tracks
    )
    named = replace(result, tracks=tracks)
    save_report(tmp_path, [VideoOutcome("a.mp4", tmp_path / "a.mp4", named, None, None)], run={})
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<td>deer <span class="sub">family Cervidae</span></td>' in text
