import json

import pytest

from wildact.datasets.formats.camtrap_dp.project import (
    load_project,
    load_taxa,
    save_project_template,
    save_taxa_template,
)
from wildact.errors import DatasetError
from wildact.export.taxa import Taxon

GOOD = {
    "title": "",
    "contributors": [{"title": "A", "email": ""}],
    "project": {"title": "P", "samplingDesign": "targeted", "captureMethod": ["timeLapse"]},
    "resources": [],
    "licenses": [{"name": "CC0-1.0", "scope": "data"}],
}


def test_empty_and_own_properties_are_left_out(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(GOOD), encoding="utf-8-sig")
    project = load_project(tmp_path / "p.json")
    assert project == {
        "contributors": [{"title": "A"}], "project": GOOD["project"], "licenses": GOOD["licenses"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold a JSON object, not a list"),
        ("[" * 100000, "is not JSON"),
        (b"\xff".decode("latin-1"), "is not JSON"),
        ("{}", "contributors: .*; project.title: .*; project.samplingDesign: .*; project.captureMethod"),
    ],
)
def test_what_a_project_lacks_or_breaks_is_said(tmp_path, content, said):
    (tmp_path / "p.json").write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=said) as caught:
        load_project(tmp_path / "p.json")
    assert "p.json" in str(caught.value)
    with pytest.raises(DatasetError, match="does not exist"):
        load_project(tmp_path / "q.json")


def test_a_template_asks_for_what_nobody_can_guess(tmp_path):
    save_project_template(tmp_path / "p.json")
    with pytest.raises(DatasetError, match=r"contributors.*title.*samplingDesign"):
        load_project(tmp_path / "p.json")


def test_a_user_s_names_come_before_ours(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(
        "label,scientificName,taxonRank,observationType\nLuchs,Lynx lynx,species,\n"
        "red DEER,Cervidae,family,\nJeep,,,vehicle\n",
        encoding="utf-8",
    )
    taxa = load_taxa(path)
    assert taxa["luchs"] == Taxon("Lynx lynx", "species")
    assert taxa["red deer"] == Taxon("Cervidae", "family")
    assert taxa["jeep"] == Taxon("", "", "vehicle")
    assert taxa["wild boar"] == load_taxa(None)["wild boar"] == Taxon("Sus scrofa", "species")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",Lynx,,", "line 2: the label is empty"),
        ("a,Lynx,tribe,", "line 2: taxonRank 'tribe' is none of kingdom"),
        ("a,Lynx,,ghost", "line 2: observationType 'ghost' is none of animal, human, vehicle"),
    ],
)
def test_broken_rows(tmp_path, row, said):
    (tmp_path / "s.csv").write_text(f"label,scientificName,taxonRank,observationType\n{row}\n")
    with pytest.raises(DatasetError, match=said):
        load_taxa(tmp_path / "s.csv")


def test_a_template_of_labels(tmp_path):
    save_taxa_template(tmp_path / "s.csv", {"b", "a"})
    assert load_taxa(tmp_path / "s.csv")["a"] == Taxon("")
