import errno
import os

import pytest

from wildact.datasets.place import place_video
from wildact.errors import DatasetError, OutputError


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "disk" / "a.mp4"
    path.parent.mkdir()
    path.write_bytes(b"video")
    return path


def test_a_link_is_to_the_file_itself_also_where_that_is_a_symbolic_link(video, tmp_path):
    alias = tmp_path / "alias.mp4"
    alias.symlink_to(video.relative_to(tmp_path))
    target = tmp_path / "new" / "site" / "a.mp4"
    place_video(alias, target, link=True, copy=True)
    assert not target.is_symlink()
    assert target.samefile(video)


def test_a_copy_is_another_file(video, tmp_path):
    place_video(video, tmp_path / "b.mp4", link=False, copy=True)
    assert not (tmp_path / "b.mp4").samefile(video)
    assert (tmp_path / "b.mp4").read_bytes() == b"video"


def test_where_there_are_no_links_the_file_is_copied_if_it_may_be(video, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match=r"cannot be linked .*use --copy"):
        place_video(video, tmp_path / "b.mp4", link=True, copy=False)
    place_video(video, tmp_path / "b.mp4", link=True, copy=True)
    assert (tmp_path / "b.mp4").read_bytes() == b"video"


def test_nothing_is_made_of_a_missing_video_and_nothing_replaced(video, tmp_path):
    with pytest.raises(DatasetError, match="is missing"):
        place_video(tmp_path / "no.mp4", tmp_path / "b.mp4", link=True, copy=True)
    with pytest.raises(DatasetError, match="name of another file"):
        place_video(video, video, link=True, copy=True)
