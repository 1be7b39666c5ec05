import pytest

from wildact.atomic import replacing_folder
from wildact.errors import OutputError


def test_a_new_folder_appears_whole(tmp_path):
    target = tmp_path / "a" / "b"
    with replacing_folder(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "x").write_text("1")
        assert not target.exists()
    assert (target / "deep" / "x").read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["b"]


def test_what_else_a_folder_holds_stays(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("deep/x", "deep/y", "z"):
        (tmp_path / name).write_text("old")
    with replacing_folder(tmp_path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "x").write_text("new")
    found = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {"deep/x": "new", "deep/y": "old", "z": "old"}


def test_after_an_error_nothing_has_changed(tmp_path):
    def fail():
        with replacing_folder(tmp_path / "t") as folder:
            (folder / "x").write_text("1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_said(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(OutputError, match="cannot be written"), replacing_folder(tmp_path) as folder:
        (folder / "x").write_text("a file where a folder is")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), replacing_folder(tmp_path / "file" / "t"):
        pass
