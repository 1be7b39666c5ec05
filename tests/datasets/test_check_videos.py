from dataclasses import replace
from fractions import Fraction

import pytest

from wildact.datasets import findings as kinds
from wildact.datasets import load_dataset
from wildact.datasets.check_videos import check_video, require_videos
from wildact.errors import DatasetError
from wildact.simulate import SimulationSettings, simulate_dataset


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


def test_videos_that_are_not_those_of_the_labels_are_named(tmp_path):
    settings = SimulationSettings(
        videos=2, seed=3, seconds=0.5, width=96, height=64, sites=1, cameras_per_site=1, fps=Fraction(6)
    )
    dataset = load_dataset(simulate_dataset(tmp_path / "set", settings))
    require_videos(dataset)
    first, *others = dataset.videos
    gone = replace(first, info=replace(first.info, path=first.info.path.with_name("gone.mp4")))
    with pytest.raises(
        DatasetError, match=r"1 of 2 videos cannot be used: .*gone\.mp4: there is no such file"
    ):
        require_videos(replace(dataset, videos=(gone, *others)))
    width, height = first.info.width, first.info.height
    other = replace(first, info=replace(first.info, width=2 * width))
    said = rf"{2 * width}x{height} pixels labelled, {width}x{height} in the file\."
    with pytest.raises(DatasetError, match=said):
        require_videos(replace(dataset, videos=(other, *others)))
    untold = replace(first, info=replace(first.info, width=0, height=0))
    require_videos(replace(dataset, videos=(untold,)))
