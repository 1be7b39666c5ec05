"""MOTChallenge and MOTS."""

from fractions import Fraction

import pytest

from wildact.datasets.formats.mot.mot import read_mot, write_mot
from wildact.datasets.formats.mot.mots import read_mots
from wildact.errors import DatasetError

INFO = "[Sequence]\nname=s\nimDir=img1\nframeRate=30\nseqLength=9\nimWidth=40\nimHeight=30\nimExt=.jpg\n"


def sequence(folder, rows, *, labels="wolf\nlynx\n", info=INFO):
    (folder / "s" / "gt").mkdir(parents=True, exist_ok=True)
    (folder / "s" / "gt" / "gt.txt").write_text(rows, encoding="utf-8")
    if labels:
        (folder / "s" / "gt" / "labels.txt").write_text(labels, encoding="utf-8")
    if info:
        (folder / "s" / "seqinfo.ini").write_text(info, encoding="utf-8")
    return folder


def test_frames_and_pixels_count_from_1(tmp_path):
    dataset = read_mot(sequence(tmp_path, "1,4,1,1,10,10,1,2,1\n3,4,2.5,1,10,10,1,2,0.4\n"))
    assert dataset.species == ("wolf", "lynx")
    (video,) = dataset.videos
    assert (video.info.fps, video.info.frames, video.info.width) == (30, 9, 40)
    (track,) = video.tracks
    assert (track.track_id, track.label, track.frames.tolist()) == (4, "lynx", [0, 2])
    assert track.boxes.tolist() == [[0, 0, 10, 10], [1.5, 0, 11.5, 10]]
    assert read_mot(tmp_path / "s").videos[0].tracks[0].frames.tolist() == [0, 2]
    assert read_mot(tmp_path / "s" / "gt" / "gt.txt").videos[0].info.path == tmp_path / "s"


def test_what_is_to_be_ignored_or_beyond_the_frame_is_counted(tmp_path):
    rows = "1,1,31,1,20,10,1,1,1\n2,1,1,1,5,5,0,1,1\n2,1,1,1,5,5,1,1,1\n"
    dataset = read_mot(sequence(tmp_path, rows))
    assert dataset.videos[0].tracks[0].boxes[0].tolist() == [30, 0, 40, 10]
    assert set(dataset.dropped) == {"1 box to be ignored", "1 part of a box beyond the frame"}


def test_lines_of_ten_columns_know_no_class_and_have_scores(tmp_path):
    dataset = read_mot(sequence(tmp_path, "1,1,1,1,5,5,0.75,-1,-1,-1\n", labels="", info=""))
    (track,) = dataset.videos[0].tracks
    assert (track.label, track.scores.tolist()) == ("animal", [0.75])
    assert (dataset.videos[0].info.width, dataset.videos[0].info.frames) == (0, None)


def test_what_is_written_is_what_evaluators_read(tmp_path):
    dataset = read_mot(
        sequence(tmp_path, "1,4,1,1,10,10,1,2,1\n", info=INFO.replace("=30\nseq", "=29.97\nseq"))
    )
    write_mot(dataset, tmp_path / "out")
    assert (tmp_path / "out/s/gt/gt.txt").read_text() == "1,4,1,1,10,10,1,2,1\n"
    info = (tmp_path / "out/s/seqinfo.ini").read_text()
    assert "frameRate=30\nseqLength=9\nimWidth=40\nimHeight=30\n" in info
    assert "frameRateExact=2997/100\n" in info
    assert (tmp_path / "out/seqmap.txt").read_text() == "name\ns\n"
    assert read_mot(tmp_path / "out").videos[0].info.fps == Fraction(2997, 100)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,1,1,1,5\n", "gt.txt, line 1: a line has 7 to 10 values"),
        ("\n1,1,1,1,5,5,1,1,1\n1,1,1,one,5,5,1,1,1\n", "line 3: could not convert"),
        ("0,1,1,1,5,5,1,1,1\n", "line 1: frames count from 1"),
        ("1,-1,1,1,5,5,1,1,1\n", "line 1: frames count from 1"),
        ("1,1,1,1,0,5,1,1,1\n", "line 1: the box .* is empty"),
        ("1,1,51,1,5,5,1,1,1\n", "line 1: .* lies outside the frame"),
        ("1,1,nan,1,5,5,1,1,1\n", "line 1: the box"),
        ("1,1,1,1,5,5,87.3,-1,-1,-1\n", "line 1: a score lies between 0 and 1, or is -1; 87.3 does not"),
        ("1,1,1,1,5,5,nan,-1,-1,-1\n", "line 1: a score lies between 0 and 1, or is -1; nan does not"),
        ("1,1,1,1,5,5,1,3,1\n", "line 1: class 3 is not among the 2"),
        ("1,1,1,1,5,5,1,1,1\n2,1,1,1,5,5,1,2,1\n", "line 2: track 1 was a wolf before"),
        ("1,1,1,1,5,5,1,1,1\n1,1,1,1,5,5,1,1,1\n", "two boxes for frame 0 of the same track"),
        ("99,1,1,1,5,5,1,1,1\n", "are not all within the video"),
        ("9" * 30 + ",1,1,1,5,5,1,1,1\n", "line 1: no video has a frame"),
        ("1," + "9" * 30 + ",1,1,5,5,1,1,1\n", "cannot be the number of a track"),
        ("1,1,1,1,5,5,1,1,1\n\xff", "line 2: a line has"),
    ],
)
def test_broken_lines_are_named(tmp_path, rows, said):
    with pytest.raises(DatasetError, match=said):
        read_mot(sequence(tmp_path, rows))


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ("[Sequence\n", "is no sequence file"),
        ("name=x\n", "is no sequence file"),
        ("[Other]\na=b\n", "is no sequence file"),
        (INFO.replace("imWidth=40", "imWidth=wide"), "imwidth must be a positive whole number, not 'wide'"),
        (INFO.replace("seqLength=9", "seqLength=0"), "seqlength must be"),
        (INFO.replace("frameRate=30", "frameRate=fast"), "no frame rate"),
        (INFO + "video=../../x.mp4\n", "outside the folder"),
    ],
)
def test_broken_facts_are_said(tmp_path, info, said):
    with pytest.raises(DatasetError, match=said):
        read_mot(sequence(tmp_path, "1,1,1,1,5,5,1,1,1\n", info=info))


def test_folders_without_sequences_and_maps_that_lead_elsewhere(tmp_path):
    with pytest.raises(DatasetError, match="holds no sequence"):
        read_mot(tmp_path)
    with pytest.raises(DatasetError, match="holds no sequence"):
        read_mot(tmp_path / "nothing")
    sequence(tmp_path, "")
    (tmp_path / "seqmap.txt").write_text("name\n../../etc\n")
    with pytest.raises(DatasetError, match="outside the folder"):
        read_mot(tmp_path)
    (tmp_path / "seqmap.txt").write_text("name\nother\n")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_mot(tmp_path)


@pytest.mark.parametrize("text", ["name\ns\n", "s\n", "\ns\n"])
def test_a_map_has_a_header_or_none(tmp_path, text):
    sequence(tmp_path, "1,4,1,1,10,10,1,2,1\n")
    (tmp_path / "seqmap.txt").write_text(text)
    assert [video.info.path.name for video in read_mot(tmp_path).videos] == ["s"]


def test_masks_of_the_benchmark(tmp_path):
    from wildact.masks import decode_mask, from_coco

    counts = from_coco({"size": [30, 40], "counts": [65, 10, 20, 10, 1095]}).counts.decode()
    rows = f"1 2001 2 30 40 {counts}\n2 2001 2 30 40 {counts}\n2 10000 10 30 40 {counts}\n"
    dataset = read_mots(sequence(tmp_path, rows, labels="", info=""))
    (video,) = dataset.videos
    (track,) = video.tracks
    assert (track.track_id, track.label, track.frames.tolist()) == (1, "pedestrian", [0, 1])
    assert track.boxes[0].tolist() == [2, 5, 4, 15]
    assert decode_mask(track.masks[0]).sum() == 20
    assert (video.info.width, video.info.height) == (40, 30)
    assert dataset.dropped == ("1 region to be ignored",)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1 1001 1 30 40\n", "line 1: a line has 6 values"),
        ("1 1001 1 30 x 000\n", "line 1: invalid literal"),
        ("1 1001 1 30 40 zz\n", "line 1: "),
        ("0 1001 1 30 40 `U1\n", "KITTI MOTS counts frames from 0"),
        ("1 1001 7 30 40 `U1\n", "class 7 is not among"),
        ("99999999 1001 1 30 40 Q2:d00cQ1\n", "line 1: no video has a frame"),
        ("1 1001 1 30 40 Q2:d00cQ1\n2 1001 1 40 30 Q2:d00cQ1\n", "line 2: a mask of 30 x 40 pixels"),
    ],
)
def test_broken_lines_of_masks_are_named(tmp_path, rows, said):
    with pytest.raises(DatasetError, match=said):
        read_mots(sequence(tmp_path, rows))
