import csv
import json
import re

import numpy as np
import pytest

from wildact.errors import OutputError
from wildact.evaluate import save_evaluation
from wildact.evaluate.annotated import BoutCounts
from wildact.evaluate.figures import VideoCounts
from wildact.evaluate.files import prepare_output
from wildact.evaluate.plots import draw_confusion, draw_curves, draw_groups

FACTS = {
    "models": {
        "detector": {
            "name": "<b>d</b>", "file": "d.safetensors", "sha256": "ab" * 32, "licence": "Apache-2.0",
            "trained_on": "simulated clips",
        }
    },
    "data": {"folder": "test <1>", "videos": 3},
    "settings": {"every": 1},
    "environment": {"date_utc": "2026-11-24T03:00:00", "versions": {"wildact": "0.1.0"}},
    "min_height_px": 24,
}  # fmt: skip


@pytest.fixture(scope="module")
def scored(track, count, right_bouts, evaluation):
    deer, fox = track(1, "deer", 10), track(2, "fox", 100)
    chains = [
        count([deer, fox], [deer, fox], right_bouts(1) + right_bouts(2)),
        count([deer], [], []),
        count([deer, fox], [deer], right_bouts(1)),
    ]
    bouts = BoutCounts(np.array([[2, 1, 1], [0, 2, 0]]), 5)
    return evaluation([VideoCounts("day", one.chain, bouts) for one in chains], notes=("Mind <this>.",))


@pytest.fixture(scope="module")
def saved(scored, tmp_path_factory):
    """Folder of the results."""
    folder = tmp_path_factory.mktemp("saved") / "out"
    save_evaluation(folder, scored, FACTS)
    return folder


def test_a_folder_gets_everything(saved):
    names = {path.name for path in saved.iterdir()}
    assert names == {
        "scores.json", "scores.csv", "matches.npz", "confusion_seconds.png", "confusion_bouts.png",
        "evaluation.html",
    }  # fmt: skip
    for name in ("confusion_seconds.png", "confusion_bouts.png"):
        assert (saved / name).read_bytes().startswith(b"\x89PNG")


def test_json_has_the_names_that_scripts_rely_on(scored, tmp_path):
    save_evaluation(tmp_path / "s.json", scored, FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    saved = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    scores = saved["scores"]["all"]
    assert {
        "videos", "frames", "animals", "box_ap", "box_ap50", "mask_ap", "mask_ap50", "found", "false_tracks",
        "species", "idf1", "hota", "mota", "action_seconds", "action_top1", "action_mean_class",
        "action_recall",
    } <= set(scores)  # fmt: skip
    assert (scores["videos"], scores["false_tracks"]) == (3, 0)
    assert isinstance(scores["videos"], int)
    assert scores["action_recall"] == {"walking": 1.0, "resting": 1.0}
    low, high = saved["intervals"]["all"]["found"]
    assert low < scores["found"] < high
    assert saved["confusion"]["all"]["bouts"] == [[6, 3, 3], [0, 6, 0]]
    assert saved["confusion"]["all"]["columns"] == ["walking", "resting", "none of them"]
    assert len(saved["precision_recall"]["box_50"]["deer"]) == len(saved["precision_recall"]["recall"]) == 101
    assert saved["min_height_px"] == 24
    assert scores["box_truth_by_speed"] == {"slow": 0, "medium": 5, "fast": 0}
    assert scores["box_ap50_by_speed"]["medium"] == scores["box_ap50"]
    assert scores["mask_ap_by_speed"]["fast"] is None
    low, high = saved["intervals"]["all"]["box_ap50_by_speed"]["medium"]
    assert low < scores["box_ap50"] < high


def test_the_table_is_tidy(saved):
    with (saved / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["group", "metric", "value", "low", "high"]
    assert len({(row["group"], row["metric"]) for row in rows}) == len(rows)
    of = {row["metric"]: row for row in rows}
    assert of["videos"]["value"] == "3"
    assert [of["box_ap_large"][column] for column in ("value", "low", "high")] == ["", "", ""]
    assert float(of["found"]["low"]) < float(of["found"]["value"]) == pytest.approx(3 / 5)
    assert float(of["bout_recall/walking"]["value"]) == 0.5
    assert of["box_truth_by_speed/medium"]["value"] == "5"
    assert of["box_truth_by_speed/medium"]["low"] == of["box_ap_by_speed/slow"]["value"] == ""


def test_the_page_needs_nothing_else_and_escapes_names(saved):
    page = (saved / "evaluation.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 4
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "test &lt;1&gt;" in page
    assert "Mind &lt;this&gt;." in page
    assert "<b>d</b>" not in page
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "action top-1 of all share of the seconds of all animals, followed or not 0.600" in text
    assert re.search(r"deer 0\.\d{3} 0\.\d\d to ", text)
    assert "Speed of the animal By how much a true box overlaps" in text
    assert re.search(r"mask AP slow 0 – – – – medium 5 0\.\d{3} 0\.\d\d to ", text)


def test_pictures_of_an_earlier_evaluation_do_not_stay(track, count, right_bouts, evaluation, tmp_path):
    (tmp_path / "confusion_bouts.png").touch()
    deer = track(1, "deer", 10)
    save_evaluation(tmp_path, evaluation([count([deer], [deer], right_bouts(1))]), FACTS)
    assert not (tmp_path / "confusion_bouts.png").exists()
    assert "annotated bouts" not in (tmp_path / "evaluation.html").read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "x.json", tmp_path / "file" / "x"):
        with pytest.raises(OutputError, match="choose another folder"):
            prepare_output(out)
    prepare_output(tmp_path / "new" / "x.json")
    assert (tmp_path / "new").is_dir()


def test_names_are_never_read_as_mathematics(tmp_path):
    odd = ("$\\alpha_", "a_b^c", "_hidden", "鹿")
    with pytest.warns(UserWarning, match="Glyph"):  # the plot's font has no Chinese
        draw_confusion(np.eye(4, 5, dtype=np.int64), odd, unit="seconds").savefig(tmp_path / "a.svg")
    with pytest.warns(UserWarning, match="Glyph"):
        draw_curves({"box": np.full((2, 4, 101), 0.5)}, odd).savefig(tmp_path / "b.png")


def test_many_classes_are_drawn_without_names(tmp_path):
    many = tuple(f"species {k}" for k in range(40))
    figure = draw_curves({"box": np.full((2, 40, 101), 0.5)}, many)
    assert len(figure.legends[0].get_texts()) == 2  # the means
    table = np.ones((40, 41), np.int64)
    assert not draw_confusion(table, many, unit="bouts").axes[0].texts


def test_groups_are_drawn_beside_each_other(scored):
    groups = {"all": scored.groups["all"], "day": scored.groups["all"]}
    axes = draw_groups(groups).axes[0]
    assert len(axes.patches) == 2 * len(axes.get_yticks())
    assert axes.patches[0].get_width() == pytest.approx(groups["all"].figures["box_ap50"].value)
