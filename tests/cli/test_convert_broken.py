"""Whatever is wrong with a source: one sentence that says where, exit code 1, and no target."""

import json
import re
import shutil
import sys
from fractions import Fraction

import numpy as np
import pytest

from wildact.cli.main import main
from wildact.datasets import Dataset
from wildact.datasets.formats.table import FORMATS
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask, mask_to_box
from wildact.types import Track, VideoInfo

WIDTH, HEIGHT, LENGTH = 16, 12, 6
SOURCES = {  # where the labels of a format stand, within what its writer makes
    "native": "annotations.json",
    "cvat": "a.mp4.xml",
    "coco": "",
    "coco-vid": "",
    "youtube-vis": "",
    "label-studio": "",
    "megadetector": "",
    "boris": "",
    "mot": "a.mp4/gt/gt.txt",
    "mots": "a.mp4/gt/gt.txt",
    "camtrap-dp": "datapackage.json",
}
SUFFIXES = {"native": "", "cvat": "", "mot": "", "mots": "", "camtrap-dp": "", "boris": ".boris"}


def dataset(root):
    bitmap = np.zeros((HEIGHT, WIDTH), bool)
    bitmap[2:9, 3:8] = True
    rle = encode_mask(bitmap)
    frames = np.array([0, 1, 4])
    tracks = [
        Track(n, "fox", 1.0, frames, np.stack([mask_to_box(rle)] * 3), np.ones(3, np.float32), (rle,) * 3)
        for n in (1, 2)
    ]
    info = VideoInfo(root / "a.mp4", WIDTH, HEIGHT, Fraction(25), LENGTH, None, "unknown")
    actions = (ActionLabel(1, "dig", 0, 2),)
    video = LabelledVideo(info, "s", "c", "day", tuple(tracks), actions, "2024-05-02T00:00:00+00:00")
    return Dataset(root, ("fox",), ("dig",), (video,), {})


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A source in each format."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "deployments.csv").write_text(
        "videos,deploymentID,latitude,longitude,deploymentStart,deploymentEnd,timeZone\n"
        ".,d,1,2,2024-05-01 00:00,2024-06-01 00:00,+00:00\n"
    )
    (folder / "species.csv").write_text("label,scientificName\nfox,Vulpes vulpes\n")
    facts = {"title": "t", "samplingDesign": "targeted", "captureMethod": ["timeLapse"]}
    (folder / "project.json").write_text(json.dumps({"contributors": [{"title": "A"}], "project": facts}))
    for name in SOURCES:
        FORMATS[name].write(dataset(folder), folder / f"{name}{SUFFIXES.get(name, '.json')}")
    return folder


@pytest.fixture
def broken(sources, tmp_path, monkeypatch, capsys):
    """``broken(format, edit)`` converts a source of which ``edit`` changed the text; what is said."""

    def call(name, edit, file=None):
        source = tmp_path / f"{name}{SUFFIXES.get(name, '.json')}"
        kept = sources / source.name
        shutil.copytree(kept, source) if kept.is_dir() else shutil.copy(kept, source)
        inner = SOURCES[name] if file is None else file
        labels = source / inner if inner else source
        text = labels.read_text(encoding="utf-8")
        changed = edit(text)
        assert changed != text
        labels.write_text(changed, encoding="utf-8")
        target = "boris" if name == "boris" else "coco"
        monkeypatch.setattr(
            sys, "argv",
            ["wildact", "convert", str(source), str(tmp_path / "target"), "--from", name, "--to", target,
             "--size", f"{WIDTH}x{HEIGHT}"],
        )  # fmt: skip
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert (end.value.code, out) == (1, "")
        assert err.startswith("wildact: ")
        assert err.count("\n") == 1
        assert source.name in err
        assert sorted(path.name for path in tmp_path.iterdir()) == [source.name]
        return err

    return call


def replace(old, new, count=1):
    def edit(text):
        assert re.search(old, text)
        return re.sub(old, lambda _: new, text, count=count)

    return edit


def in_json(change):
    def edit(text):
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    return edit


OTHER_CATEGORY = in_json(lambda document: document["annotations"][0].update(category_id=9))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_truncated(broken, name, share):
    said = broken(name, lambda text: text[: int(share * len(text.rstrip()))] or "\0")
    assert re.search(r"line \d+|column \d+|no CVAT file|neither a BORIS project|char \d+", said)


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("cvat", replace('frame="0"', 'frame="one"'), r"line \d+: frame must be a whole number"),
        ("cvat", replace('xtl="[^"]*"', 'xtl="[]"'), r"line \d+: xtl, .* must be numbers"),
        ("coco", in_json(lambda d: d["annotations"][1].update(bbox="wide")), "entry 2: 'wide' is not a box"),
        ("coco-vid", in_json(lambda d: d["images"][1].update(frame_id=None)), r"images\[1\].frame_id"),
        ("youtube-vis", in_json(lambda d: d["videos"][0].update(length={})), r"videos\[0\].length"),
        ("label-studio", in_json(lambda d: d[0].update(annotations=3)), r"\[0\].annotations"),
        ("megadetector", in_json(lambda d: d["images"][0]["detections"][1].update(conf="high")),
         r"images\[0\].detections\[1\].conf"),
        ("boris", in_json(lambda d: d["observations"]["a.mp4"]["events"][0].__setitem__(0, "soon")),
         "observation 'a.mp4', event 1: the time must be a number"),
        ("mot", replace(r"\n1,2,", "\n1,two,"), "line 2: invalid literal"),
        ("mots", replace(r"\n1 1002", "\n1 who"), "line 2: invalid literal"),
        ("camtrap-dp", in_json(lambda d: d.update(resources={})), "resources: "),
        ("native", in_json(lambda d: d["annotations"][0].update(track_id="one")), "annotations entry 1"),
    ],
)  # fmt: skip
def test_wrong_types(broken, name, edit, said):
    assert re.search(said, broken(name, edit))


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("cvat", replace('xbr="8.0"', 'xbr="80"'), "track 1: the box of frame 0 lies outside the frame"),
        ("coco", in_json(lambda d: d["annotations"][0].update(bbox=[300, 2, 5, 7])), "annotations entry 1: "),
        ("coco-vid", in_json(lambda d: d["annotations"][1].update(bbox=[-9, 2, 5, 7])), "video 1: track 1: "),
        ("youtube-vis", in_json(lambda d: d["annotations"][0]["bboxes"].__setitem__(4, [3, 2, 5, 70])),
         "track 1: the box of frame 4"),
        ("label-studio",
         in_json(lambda d: d[0]["annotations"][0]["result"][0]["value"]["sequence"][0].update(x=150)),
         "track 1: the box of frame 0"),
        ("megadetector", in_json(lambda d: d["images"][0]["detections"][0].update(bbox=[0.5, 0, 0.9, 0.5])),
         r"images\[0\]: track 1: the box of frame 0"),
        ("mot", replace("^1,1,4,", "1,1,400,"), "line 1: .*lies outside the frame"),
        ("native", in_json(lambda d: d["annotations"][0]["bboxes"].__setitem__(0, [3, 2, 50, 7])),
         "annotations entry 1"),
    ],
)  # fmt: skip
def test_a_box_outside_the_frame(broken, name, edit, said):
    assert re.search(said, broken(name, edit))


def test_a_box_outside_the_frame_of_a_package(broken):
    said = broken("camtrap-dp", replace(r",8\.0,9\.0,", ",8.0,900.0,"), file="detections.csv")
    assert "track 1: the box of frame 0 lies outside the frame" in said


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("cvat", replace('<track id="1"', '<track id="0"'), r"line \d+: there is another track 0"),
        ("coco", in_json(lambda d: d["annotations"][1].update(id=1)), "annotations entry 1: two entries of"),
        ("coco-vid", in_json(lambda d: d["images"][1].update(id=1)), "images: id 1 is there twice"),
        ("youtube-vis", in_json(lambda d: d["annotations"][1].update(track_id=1)), "track 1 is there twice"),
        ("label-studio", in_json(lambda d: d[0]["annotations"][0]["result"][1].update(id="track1")),
         "region 'track1' is there twice"),
        ("megadetector", in_json(lambda d: d["images"].append(d["images"][0])), "is there twice"),
        ("boris", in_json(lambda d: d["observations"].update(b=d["observations"]["a.mp4"])), "there twice"),
        ("mot", replace(r"\n1,2,", "\n1,1,"), "two boxes for frame 0"),
        ("mots", replace(r"\n1 1002", "\n1 1001"), "two boxes for frame 0"),
        ("native", in_json(lambda d: d["annotations"][1].update(id=1)), "same id"),
    ],
)  # fmt: skip
def test_ids_that_are_given_twice(broken, name, edit, said):
    assert re.search(said, broken(name, edit))


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("cvat", replace('label="fox"', 'label="wolf"'), r"line \d+: label 'wolf' is not"),
        ("coco", OTHER_CATEGORY, "annotations entry 1: category_id 9"),
        ("coco-vid", OTHER_CATEGORY, "annotation 1: category_id 9"),
        ("youtube-vis", OTHER_CATEGORY, "annotation 1: category_id"),
        ("label-studio", in_json(lambda d: d[0]["annotations"][0]["result"][0]["value"].update(labels=[])),
         "region track1: it needs one label"),
        ("megadetector", in_json(lambda d: d["images"][0]["detections"][0].update(category="7")),
         r"images\[0\].detections\[0\]: '7' is not among"),
        ("boris", in_json(lambda d: d["observations"]["a.mp4"]["events"][0].__setitem__(2, "fly")),
         "event 1: the behaviour 'fly' is not in the ethogram"),
        ("mot", replace("(?m),1,1$", ",9,1"), "line 1: class 9 is not among"),
        ("mots", replace("^1 1001 1 ", "1 9001 9 "), "line 1: class 9 is not among"),
        ("native", OTHER_CATEGORY, "annotations entry 1"),
    ],
)  # fmt: skip
def test_unknown_labels(broken, name, edit, said):
    assert re.search(said, broken(name, edit))


def test_an_xml_bomb(broken):
    lines = [f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12)]
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "ha">{"".join(lines)}]>\n<annotations>&a11;'
    assert "a.mp4.xml, line 2: a document type declaration" in broken("cvat", replace("<annotations>", bomb))


@pytest.mark.parametrize("path", ["../../a.mp4", "x/../../a.mp4", r"C:\a.mp4"])
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("coco", lambda d: (d["images"][0], "file_name")),
        ("coco-vid", lambda d: (d["videos"][0], "name")),
        ("label-studio", lambda d: (d[0]["data"], "video")),
        ("megadetector", lambda d: (d["images"][0], "file")),
        ("native", lambda d: (d["videos"][0], "file_name")),
        ("camtrap-dp", lambda d: (d["resources"][1], "path")),
    ],
)
def test_paths_that_climb_out(broken, name, key, path):
    def change(document):
        entry, field = key(document)
        entry[field] = path

    assert re.search(
        "outside the folder|stay within the folder|within the package", broken(name, in_json(change))
    )


@pytest.mark.parametrize(
    ("name", "file", "edit"),
    [
        ("mot", "seqmap.txt", replace("(?m)^a.mp4$", "../../a")),
        ("mots", "a.mp4/seqinfo.ini", replace("video=a.mp4", "video=../../a.mp4")),
        ("cvat", None, replace("<source>a.mp4", "<source>../../a.mp4")),
        ("camtrap-dp", "recordings.csv", replace(",a.mp4,", ",../../a.mp4,")),
    ],
)
def test_names_that_climb_out(broken, name, file, edit):
    assert "outside the folder" in broken(name, edit, file)
