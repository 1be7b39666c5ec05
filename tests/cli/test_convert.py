"""``wildact convert`` as a user meets it."""

import json
import sys
from fractions import Fraction

import numpy as np
import pytest

from wildact.cli.main import main
from wildact.datasets import load_dataset
from wildact.decode import VideoWriter

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
  <meta><task><name>Höhle 1.mp4</name><labels><label><name>fox</name><attributes>
    <attribute><name>does</name><mutable>True</mutable><input_type>select</input_type>
      <values>__undefined__
dig
run</values></attribute></attributes></label></labels></task></meta>
  <track id="0" label="fox">
    <box frame="0" keyframe="1" outside="0" occluded="1" xtl="1" ytl="2" xbr="21" ybr="22"><attribute
      name="does">dig</attribute></box>
    <box frame="4" keyframe="1" outside="1" occluded="0" xtl="9" ytl="2" xbr="29" ybr="22"><attribute
      name="does">dig</attribute></box>
  </track>
  <track id="1" label="fox"><points frame="0" keyframe="1" outside="0" occluded="0" points="1,1"/></track>
</annotations>
"""


@pytest.fixture
def convert(monkeypatch, capsys, tmp_path):
    """``convert(*arguments)``: the exit code, and all that is printed; run in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.xml").write_text(CVAT, encoding="utf-8")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["wildact", "convert", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return end.value.code or 0, out + err

    return call


@pytest.fixture
def clips(tmp_path):
    path = tmp_path / "clips" / "card 3" / "Höhle 1.mp4"
    path.parent.mkdir(parents=True)
    with VideoWriter(path, width=64, height=48, fps=Fraction(30000, 1001), codec="h264") as writer:
        for k in range(6):
            writer.write(np.full((48, 64, 3), (30 + k, 160, 60), np.uint8))
    return tmp_path / "clips"


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_from_cvat_to_a_folder_that_can_be_trained_on(convert, clips, tmp_path):
    code, said = convert("labels.xml", "DATA", "--to", "native", "--videos", clips)
    assert code == 0
    assert "CVAT for video 1.1 holds, and wildact does not:\n  1 shape of the kind 'points'\n" in said
    assert "cannot hold" not in said
    dataset = load_dataset(tmp_path / "DATA")
    (video,) = dataset.videos
    assert video.info.path.is_file()
    assert video.info.path == tmp_path / "DATA" / "card 3" / "Höhle 1.mp4"
    assert (video.info.fps, video.info.frames) == (Fraction(30000, 1001), 6)
    assert video.light is not None
    (track,) = video.tracks
    assert track.boxes[:, 0].tolist() == [1, 3, 5, 7]
    assert track.occluded.tolist() == [True] * 4
    assert [(a.action, a.start_frame, a.end_frame) for a in video.actions] == [("dig", 0, 4)]


def test_labels_go_to_videos_that_are_there(convert, clips, tmp_path):
    before = (clips / "card 3" / "Höhle 1.mp4").read_bytes()
    assert convert("labels.xml", clips, "--to", "native", "--videos", clips)[0] == 0
    assert left(clips) == ["actions.csv", "annotations.json", "card 3"]
    assert load_dataset(clips).videos[0].info.path.read_bytes() == before
    code, said = convert("labels.xml", clips, "--to", "native", "--videos", clips)
    assert code == 1
    assert "exists; --overwrite replaces it" in said
    assert convert("labels.xml", clips, "--to", "native", "--videos", clips, "--overwrite")[0] == 0


def test_what_is_lost_is_said_and_strict_makes_it_an_error(convert, tmp_path):
    facts = ("--size", "64x48", "--fps", "25")
    code, said = convert("labels.xml", "mot", "--to", "mot", *facts)
    assert code == 0
    assert "note: the length of 1 video is taken to end with the last label" in said
    assert (
        "MOTChallenge (MOT16 and later) cannot hold:\n  1 action in 1 bout\n  4 marks 'partly hidden'\n"
        in said
    )
    code, said = convert("labels.xml", "strict", "--to", "mot", *facts, "--strict")
    assert code == 1
    assert "1 action in 1 bout" in said
    assert "strict is not written: something would be lost" in said
    assert left(tmp_path) == ["labels.xml", "mot"]


def test_files_are_never_replaced_unasked(convert, tmp_path):
    (tmp_path / "out.json").write_text("mine")
    code, said = convert("labels.xml", "out.json", "--to", "coco", "--size", "64x48")
    assert (code, (tmp_path / "out.json").read_text()) == (1, "mine")
    assert "out.json exists; --overwrite replaces it." in said
    assert convert("labels.xml", "out.json", "--to", "coco", "--size", "64x48", "--overwrite")[0] == 0
    assert len(json.loads((tmp_path / "out.json").read_text())["annotations"]) == 4


def test_a_file_goes_back_to_where_it_came_from(convert, tmp_path):
    assert (
        convert("labels.xml", "x.json", "--to", "label-studio", "--size", "64x48", "--fps", "24000/1001")[0]
        == 0
    )
    code, said = convert("x.json", "back.xml")
    assert code == 0
    assert "cannot hold:\n  the frame rate of 1 video\n" in said
    assert convert("back.xml", "y.json", "--to", "label-studio", "--fps", "24000/1001")[0] == 0
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["labels.xml", "out"], "out: say in which format to write it (--to native, cvat, coco,"),
        (["labels.xml", "out", "--to", "tiff"], "out: 'tiff' is no format to write"),
        (
            ["nothing.json", "out", "--to", "mot"],
            "nothing.json: say in which format to read it (--from native,",
        ),
        (["nothing.json", "out", "--to", "mot", "--from", "coco"], "nothing.json does not exist"),
        (
            ["labels.xml", "out", "--to", "native"],
            "what is unknown here: frame rate, frame size; give the videos",
        ),
        (["labels.xml", "out", "--to", "mot", "--fps", "fast"], "--fps: 'fast' is no frame rate"),
        (["labels.xml", "out", "--to", "mot", "--size", "big"], "--size takes width and height"),
        (["labels.xml", "out", "--to", "mot", "--size", "10x10"], "lies outside the frame of 10 x 10 pixels"),
        (["labels.xml", "out", "--to", "mot", "--videos", "nowhere"], "--videos nowhere is no folder"),
        (["labels.xml", "out", "--to", "mot", "--videos", "."], "no video of the name 'Höhle 1.mp4'"),
        (["labels.xml", "labels.xml/out", "--to", "mot"], "cannot be written"),
        (["broken.xml", "out", "--to", "mot"], "broken.xml, line 14: not well-formed XML"),
        (["labels.xml", "out.json", "--to", "label-studio"], "frame size"),
        (
            ["coco.json", "out", "--to", "mot", "--action-attribute", "does"],
            "--action-attribute is for --from cvat",
        ),
    ],
)
def test_a_wrong_call_is_one_sentence_and_leaves_nothing_behind(convert, tmp_path, arguments, said):
    (tmp_path / "broken.xml").write_text(CVAT[:-100], encoding="utf-8")
    (tmp_path / "coco.json").write_text('{"images": [], "annotations": [], "categories": []}')
    before = left(tmp_path)
    code, text = convert(*arguments)
    assert code == 1
    assert said in " ".join(text.split())
    assert left(tmp_path) == before
