import os
import sys

import pytest

from wildact.errors import UsageError
from wildact.runner import VideoInput, find_videos


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def names(videos):
    return [video.name for video in videos]


def test_folders_are_searched_and_names_are_relative_to_them(tmp_path):
    touch(tmp_path / "site A/cam 1/IMG_0001.AVI")
    touch(tmp_path / "site A/cam 1/._IMG_0001.AVI")
    touch(tmp_path / ".Trash/x.mp4")
    touch(tmp_path / "notes.txt")
    touch(tmp_path / "clip.MOV")
    touch(tmp_path / "pi.h264")
    assert names(find_videos([tmp_path])) == ["clip.MOV", "pi.h264", "site A/cam 1/IMG_0001.AVI"]


def test_a_file_is_taken_whatever_its_name(tmp_path):
    assert names(find_videos([touch(tmp_path / "odd.bin")])) == ["odd.bin"]


def test_globs_take_videos_only_and_go_deep_with_two_stars(tmp_path):
    for name in ("a.mp4", "b/c.mp4", "b/d.txt"):
        touch(tmp_path / name)
    assert names(find_videos([str(tmp_path / "*.mp4")])) == ["a.mp4"]
    assert names(find_videos([str(tmp_path / "**/*")])) == ["a.mp4", "b/c.mp4"]


def test_a_file_given_twice_is_one_video(tmp_path):
    clip = touch(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").symlink_to(clip)
    assert len(find_videos([tmp_path, clip])) == 1


@pytest.mark.parametrize("pattern", ["", "**/*"])
def test_what_was_drawn_before_is_not_analysed(tmp_path, pattern):
    touch(tmp_path / "videos/a.mp4")
    touch(tmp_path / "videos/a.mp4-0123/annotated.mp4")
    touch(tmp_path / "videos/a.mp4-0123/done.json")
    touch(tmp_path / "videos/b.mp4-4567/annotated.mp4")  # doing it again failed
    touch(tmp_path / "videos/b.mp4-4567/result.json")
    (video,) = find_videos([tmp_path / pattern])
    assert video.path.name == "a.mp4"


def test_two_cards_with_the_same_names_have_folders_of_their_own(tmp_path):
    one, two = (find_videos([touch(tmp_path / card / "IMG_1.mp4").parent]) for card in ("a", "b"))
    assert one[0].name == two[0].name
    assert one[0].folder_name != two[0].folder_name


def test_equal_names_of_two_folders_stay_apart(tmp_path):
    touch(tmp_path / "x/a.mp4")
    touch(tmp_path / "y/a.mp4")
    found = names(find_videos([tmp_path / "x", tmp_path / "y"]))
    assert len(set(found)) == 2
    assert all(name.endswith("/a.mp4") for name in found)


def test_what_does_not_exist_or_holds_no_video_is_said(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        find_videos([tmp_path / "nothing"])
    with pytest.raises(UsageError, match="nothing matches"):
        find_videos([str(tmp_path / "*.mp4")])
    with pytest.raises(UsageError, match="no video in"):
        find_videos([tmp_path])


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.mp4", "-rf.mp4", "a b/ü.mp4", "x" * 300, "..", "CON:|?.avi"]
)
def test_folder_names_are_safe_and_distinct(name):
    from pathlib import Path

    folder = VideoInput("x", Path(name)).folder_name
    assert folder not in ("", ".", "..")
    assert not set(folder) & set('/\\:*?"<>| ')
    assert not folder.startswith(("-", "."))
    assert len(folder) <= 80
    assert folder != VideoInput("x", Path(name + "x")).folder_name
    assert folder == VideoInput("card/x", Path(name)).folder_name


def test_an_argument_that_can_be_no_path_is_said():
    with pytest.raises(UsageError, match=r"a\.mp4 a\.mp4 .*… cannot be looked up: "):
        find_videos(["a.mp4 " * 1000])


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_a_name_with_a_line_break_is_one_line(tmp_path):
    touch(tmp_path / "a\r\nb.mp4")
    (video,) = find_videos([tmp_path])
    assert video.name == r"a\r\nb.mp4"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_a_name_that_is_no_utf8_is_written_in_numbers_and_its_file_found(tmp_path):
    clip = touch(tmp_path / os.fsdecode(b"\xff.mp4"))
    (video,) = find_videos([tmp_path])
    assert video.name == r"\udcff.mp4"
    assert video.path == clip
