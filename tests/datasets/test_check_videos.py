from dataclasses import replace
from fractions import Fraction

import pytest

from wildact.datasets import findings as kinds
from wildact.datasets.check_videos import check_video


def found(dataset, video, **options):
    findings = []
    check_video(dataset, video, findings.append, **options)
    return {finding.kind: finding.what for finding in findings}


def test_a_missing_or_broken_file_is_an_error(good):
    video = good.videos[0]
    video.info.path.write_bytes(b"no video")
    assert list(found(good, video)) == list(found(good, video, decode=True)) == [kinds.BROKEN_VIDEO]
    assert str(video.info.path) not in found(good, video)[kinds.BROKEN_VIDEO]
    video.info.path.unlink()
    assert list(found(good, video)) == [kinds.NO_FILE]
    video.info.path.mkdir()
    assert list(found(good, video)) == [kinds.BROKEN_VIDEO]


@pytest.mark.parametrize(
    ("changes", "decode", "kind", "said"),
    [
        ({"width": 50}, False, kinds.OTHER_SIZE, "50x32 pixels labelled, 48x32 in the file"),
        ({"fps": Fraction(12)}, False, kinds.OTHER_FPS, "12 frames per second labelled, 6 in the file"),
        ({"frames": 13}, False, kinds.OTHER_LENGTH, "13 frames labelled, the file's header states 12"),
        ({"frames": 13}, True, kinds.FEWER_FRAMES, "13 frames labelled, 12 could be decoded"),
        ({"frames": 11}, True, kinds.MORE_FRAMES, "11 frames labelled, 12 could be decoded"),
    ],
)
def test_a_file_that_is_not_what_its_entry_says(good, changes, decode, kind, said):
    video = good.videos[0]
    assert found(good, replace(video, info=replace(video.info, **changes)), decode=decode) == {kind: said}


def test_a_rate_that_differs_by_rounding_is_the_same(good):
    video = good.videos[0]
    assert not found(good, replace(video, info=replace(video.info, fps=Fraction(6006, 1001))))
    assert not found(good, replace(video, info=replace(video.info, fps=Fraction("6.01"))))


def test_damage_within_a_file_is_told_when_it_is_decoded(good, film):
    path = film(good.root / "damaged.avi", seconds=2, fps=6, size=(48, 32), codec="mjpeg")
    video = replace(good.videos[0], info=replace(good.videos[0].info, path=path))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 900] = bytes(900)
    path.write_bytes(data)
    assert kinds.DAMAGED_VIDEO in found(good, video, decode=True)
