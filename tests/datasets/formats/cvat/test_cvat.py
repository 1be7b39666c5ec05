from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.cvat.polygons import interpolate_polygon
from wildact.datasets.formats.cvat.read import read_cvat
from wildact.datasets.formats.cvat.write import write_cvat
from wildact.datasets.formats.facts import Facts
from wildact.errors import DatasetError, OutputError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import decode_mask, encode_mask, mask_to_box
from wildact.types import Track, VideoInfo

KABR = Path(__file__).parents[4].parent / "shared" / "data" / "cvat" / "kabr_miniscene1_tracks.xml"

META = """
  <meta><task>
    <name>clip.mp4</name><size>20</size><mode>interpolation</mode>
    <start_frame>0</start_frame><stop_frame>19</stop_frame><frame_filter></frame_filter>
    <labels>
      <label><name>zebra</name><attributes>
        <attribute><name>behaviour</name><mutable>True</mutable><input_type>select</input_type>
          <default_value>__undefined__</default_value><values>__undefined__
graze
walk</values></attribute>
        <attribute><name>sex</name><mutable>False</mutable><input_type>select</input_type>
          <default_value>f</default_value><values>f
m</values></attribute>
      </attributes></label>
    </labels>
    <original_size><width>100</width><height>80</height></original_size>
  </task></meta>"""


def box(frame, x, *, outside=0, occluded=0, keyframe=1, value=None, more=""):
    attribute = "" if value is None else f'<attribute name="behaviour">{value}</attribute>'
    return (
        f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="{occluded}" '
        f'xtl="{x}" ytl="10" xbr="{x + 10}" ybr="20" {more}>{attribute}</box>'
    )


def document(*tracks, meta=META):
    texts = [f'<track id="{k}" label="zebra" {head}>{body}</track>' for k, (head, body) in enumerate(tracks)]
    body = f"<annotations><version>1.1</version>{meta}{''.join(texts)}</annotations>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}'


def read(folder, *bodies, meta=META, facts=None, **options):
    path = folder / "labels.xml"
    tracks = [(body if isinstance(body, tuple) else ("", body)) for body in bodies]
    path.write_text(document(*tracks, meta=meta), encoding="utf-8")
    dataset = read_cvat(path, facts or Facts(), **options)
    return dataset, dataset.videos[0]


# -- what shapes mean -------------------------------------------------------------------------------------


def test_a_real_file_of_zebras():
    if not KABR.exists():
        pytest.skip("the shared files are not here")
    dataset = read_cvat(KABR)
    (video,) = dataset.videos
    assert dataset.species == ("Grevy",)
    assert [(t.track_id, len(t)) for t in video.tracks] == [(1, 21), (2, 21)]
    assert video.tracks[0].boxes[4].tolist() == [2011, 1883, 2134, 1978]
    assert video.tracks[1].boxes[20].tolist() == [2501, 1920, 2603, 1990]
    assert video.info.path.name == "kabr_miniscene1_tracks"
    assert (video.info.fps, video.info.width, video.info.frames) == (0, 0, None)
    assert dataset.dropped == ()


def test_boxes_move_linearly_to_the_next_shape_also_where_that_is_outside(tmp_path):
    _, video = read(
        tmp_path, box(2, 0) + box(6, 8) + box(8, 12, outside=1) + box(10, 50) + box(11, 50, outside=1)
    )
    (track,) = video.tracks
    assert track.frames.tolist() == [2, 3, 4, 5, 6, 7, 10]
    assert track.boxes[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 50]
    assert (video.info.width, video.info.height, video.info.frames) == (100, 80, 20)


def test_the_last_keyframe_holds_to_the_end_of_the_task_and_listed_frames_do_not(tmp_path):
    _, video = read(tmp_path, box(17, 0), box(15, 0) + box(16, 1, keyframe=0))
    assert video.tracks[0].frames.tolist() == [17, 18, 19]
    assert video.tracks[1].frames.tolist() == [15, 16]


def test_a_task_of_every_third_frame_has_labels_on_those_only(tmp_path):
    meta = META.replace("<frame_filter></frame_filter>", "<frame_filter>step=3</frame_filter>")
    _, video = read(tmp_path, box(3, 0) + box(9, 6) + box(12, 6, outside=1), meta=meta)
    assert video.tracks[0].frames.tolist() == [3, 6, 9]
    assert video.tracks[0].boxes[:, 0].tolist() == [0, 3, 6]


def test_attributes_that_change_are_actions_until_they_change_and_while_the_animal_is_hidden(tmp_path):
    body = (
        box(0, 0, value="graze") + box(4, 0) + box(5, 0, value="walk") + box(7, 0, outside=1, value="walk")
        + box(9, 0, value="__undefined__") + box(12, 0, value="graze") + box(14, 0, outside=1, value="graze")
    )  # fmt: skip
    dataset, video = read(tmp_path, body)
    assert dataset.actions == ("graze", "walk")
    assert [(a.track_id, a.action, a.start_frame, a.end_frame) for a in video.actions] == [
        (1, "graze", 0, 5),
        (1, "walk", 5, 9),
        (1, "graze", 12, 14),
    ]


def test_other_attributes_and_shapes_are_counted_and_marks_kept(tmp_path):
    sex = box(0, 0, occluded=1).replace("</box>", '<attribute name="sex">m</attribute></box>')
    points = '<points frame="0" keyframe="1" outside="0" occluded="0" points="1,2"/>'
    dataset, video = read(tmp_path, sex + box(1, 0, outside=1), points + points)
    assert set(dataset.dropped) == {"1 attribute 'sex' of a track", "2 shapes of the kind 'points'"}
    assert video.tracks[0].occluded.tolist() == [True]


def test_of_two_attributes_that_change_one_must_be_chosen(tmp_path):
    two = META.replace("<name>sex</name><mutable>False", "<name>sex</name><mutable>True")
    with pytest.raises(DatasetError, match=r"'behaviour' and 'sex'.*--action-attribute"):
        read(tmp_path, box(0, 0), meta=two)
    dataset, _ = read(tmp_path, box(0, 0, value="walk"), meta=two, action_attribute="sex")
    assert dataset.actions == ("f", "m")


def test_without_a_head_the_only_attribute_is_taken(tmp_path):
    dataset, video = read(tmp_path, box(0, 0, value="Walk") + box(3, 0, value="Run"), meta="")
    assert dataset.actions == ("Walk", "Run")
    assert [(a.action, a.start_frame, a.end_frame) for a in video.actions] == [("Walk", 0, 3), ("Run", 3, 4)]
    other = box(0, 0, value="Walk").replace("</box>", '<attribute name="sex">m</attribute></box>')
    with pytest.raises(DatasetError, match="both 'behaviour' and 'sex'"):
        read(tmp_path, other, meta="")
    read(tmp_path, other, meta="", action_attribute="sex")


def test_turned_boxes_become_upright_ones_around_them(tmp_path):
    dataset, video = read(tmp_path, box(0, 40, more='rotation="90"') + box(1, 0, outside=1))
    assert video.tracks[0].boxes[0].tolist() == pytest.approx([40, 10, 50, 20])
    assert dataset.dropped == ("1 rotation of a box",)


SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)


@pytest.mark.parametrize(
    ("left", "right", "share", "wanted"),
    [  # by CVAT's own interpolation, version 2.5
        (SQUARE, [[20, 0], [30, 0], [34, 5], [30, 10], [20, 10]], 0.5,
         [[10, 0], [20, 0], [22, 7.5], [20, 10], [10, 10]]),
        ([[20, 0], [30, 0], [34, 5], [30, 10], [20, 10]], SQUARE, 0.25,
         [[15, 0], [25, 0], [28, 6.25], [25, 10], [15, 10]]),
        (SQUARE, [[0, 0], [12, 0], [0, 9]], 0.5, [[0, 0], [11, 0], [11, 5], [0, 9.5]]),
    ],
)  # fmt: skip
def test_polygons_move_as_in_cvat(left, right, share, wanted):
    assert interpolate_polygon(np.array(left, float), np.array(right, float), share).tolist() == wanted


def test_polygons_become_masks_on_every_frame(tmp_path):
    shape = '<polygon frame="{}" keyframe="1" outside="{}" occluded="0" points="{}"/>'
    body = shape.format(0, 0, "10,10;20,10;20,20;10,20") + shape.format(2, 1, "20,10;30,10;30,20;20,20")
    _, video = read(tmp_path, body)
    (track,) = video.tracks
    assert track.frames.tolist() == [0, 1]
    assert track.boxes.tolist() == [[10, 10, 20, 20], [15, 10, 25, 20]]
    assert decode_mask(track.masks[1])[10:20, 15:25].all()


def test_a_polygon_needs_the_size_of_the_frame(tmp_path):
    meta = META.replace("<original_size><width>100</width><height>80</height></original_size>", "")
    body = '<polygon frame="0" keyframe="1" outside="0" occluded="0" points="10,10;20,10;20,20"/>'
    with pytest.raises(DatasetError, match="--size"):
        read(tmp_path, body, meta=meta)
    _, video = read(tmp_path, body, meta=meta, facts=Facts(size=(64, 48)))
    assert (video.info.width, video.tracks[0].masks[0].height) == (64, 48)


def mask(frame, *, outside=0):
    return (
        f'<mask frame="{frame}" keyframe="1" outside="{outside}" occluded="0" '
        'rle="1, 2, 1, 2" left="4" top="3" width="3" height="2"/>'
    )


def test_masks_belong_to_the_boxes_of_their_group(tmp_path):
    group = 'group_id="5"'
    boxes = box(0, 0) + box(2, 0) + box(3, 0, outside=1)
    _, video = read(
        tmp_path, (group, boxes), (group, mask(1) + mask(2, outside=1)), mask(0) + mask(1, outside=1)
    )
    grouped, alone = video.tracks
    assert [m is not None for m in grouped.masks] == [False, True, False]
    assert np.argwhere(decode_mask(grouped.masks[1])).tolist() == [[3, 5], [3, 6], [4, 5], [4, 6]]
    assert alone.boxes.tolist() == [[5, 3, 7, 5]]
    assert grouped.boxes[1].tolist() == [0, 10, 10, 20]


def test_what_is_said_of_a_mask_goes_to_its_track_or_is_counted(tmp_path):
    group = 'group_id="5"'
    boxes = box(0, 0) + box(2, 0) + box(3, 0, outside=1)
    said = '<attribute name="behaviour">walk</attribute></mask>'
    hidden = mask(2).replace('occluded="0"', 'occluded="1"').replace("/>", f">{said}")
    dataset, video = read(tmp_path, (group, boxes), (group, hidden + mask(3, outside=1)))
    (track,) = video.tracks
    assert track.masks[2] is not None
    assert track.occluded.tolist() == [False, False, True]
    assert video.actions == ()
    assert dataset.dropped == ("1 action of a mask that belongs to a track",)


def test_masks_of_a_group_of_several_animals_stay_by_themselves(tmp_path):
    group = 'group_id="5"'
    boxes = box(0, 0) + box(2, 0, outside=1)
    dataset, video = read(tmp_path, (group, boxes), (group, boxes), (group, mask(1)))
    assert [len(track) for track in video.tracks] == [2, 2, 1]
    assert dataset.dropped == ("1 group of tracks",)


def test_a_project_holds_a_video_for_each_task(tmp_path):
    labels = "<labels><label><name>zebra</name><attributes></attributes></label></labels>"
    task = "<task><id>{0}</id><name>t</name><size>9</size><source>{0}.mp4</source></task>"
    meta = f"<meta><project>{labels}<tasks>{task.format(3)}{task.format(4)}</tasks></project></meta>"
    body = box(0, 0) + box(1, 0, outside=1)
    dataset, _ = read(tmp_path, ('task_id="4"', body), meta=meta)
    assert [(v.info.path.name, len(v.tracks)) for v in dataset.videos] == [("3.mp4", 0), ("4.mp4", 1)]
    with pytest.raises(DatasetError, match="no task '7'"):
        read(tmp_path, ('task_id="7"', body), meta=meta)


# -- what is broken ---------------------------------------------------------------------------------------

BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<annotations><track id="0" label="&b;"/></annotations>"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, r"line 1: a document type declaration"),
        (OUTSIDE, r"line 2: a document type declaration"),
        (document(("", box(0, 0)))[:-30], "line 18: not well-formed XML"),
        ("", "not well-formed XML"),
        ("<html/>", "no CVAT file"),
        (document(("", box(0, 95))), "frame 0 lies outside the frame of 100 x 80"),
        (document(("", box(25, 0))), "are not all within the video"),
        (document(("", box(0, 0) + box(0, 1))), "two shapes for frame 0"),
        (document(("", box(0, 0))).replace('label="zebra"', 'label="gnu"'), "line 18: label 'gnu' is not"),
        (document(("", box(0, 0, value="fly"))), "'fly' is not among the values of 'behaviour'"),
        (document(("", box(0, 0)), ("", box(0, 0))).replace('id="1"', 'id="0"'), "another track 0"),
        (document(("", box(0, 0))).replace('frame="0"', ""), "'frame' is absent"),
        (document(("", box(0, 0))).replace('frame="0"', 'frame="x"'), "frame must be a whole number"),
        (document(("", box(0, 0))).replace('frame="0"', 'frame="99999999999"'), "frame must be from 0 to"),
        (document(("", box(0, 0))).replace('xtl="0"', ""), "'xtl' is absent"),
        (document(("", box(0, 0))).replace('xtl="0"', 'xtl="left"'), "must be numbers"),
        (document(("", box(0, 0))).replace('xtl="0"', 'xtl="nan"'), "must be numbers of pixels"),
        (document(("", box(0, 0))).replace('xtl="0"', 'xtl="10"'), "box of frame 0 is empty"),
        (document(("", box(0, 0))).replace("clip.mp4", "../../clip.mp4"), "outside the folder"),
        (document(("", box(0, 0))).replace("clip.mp4", "C:\\clip.mp4"), "outside the folder"),
        (document(("", box(0, 0))).replace("clip.mp4", "/etc/clip.mp4"), "outside the folder"),
        (document(("", box(0, 0))).replace("<size>20", "<size>many"), "size must be a whole number"),
        (document(("", box(0, 0))).replace("<width>100", "<width>4000000"), "no video has frames"),
        (document(("", mask(0).replace("1, 2, 1, 2", "1, 2, 1")), ("", "")), "does not fit its run lengths"),
        (document(("", mask(0).replace("1, 2, 1, 2", "1;2")), ("", "")), "rle must be run lengths"),
        (document(("", mask(0).replace('left="4"', 'left="99"'))), "not the frame of 100 x 80"),
        (document(("", box(0, 0)), meta=f"<meta>{'<a>' * 50}{'</a>' * 50}</meta>"), "without end"),
        (document().replace("</annotations>", '<image id="0"/></annotations>'), "CVAT for images"),
        (document(("", '<polygon frame="0" points="1,2;3,4"/>')), "at least three points"),
        (document(("", '<polygon frame="0" points="1,2;3,x;3,3"/>')), "points must be"),
        (document(("", '<polygon frame="0" points="1,2;9,9;900000,3"/>')), "far outside the frame"),
    ],
)  # fmt: skip
def test_broken_files_are_said_with_their_line(tmp_path, text, said):
    path = tmp_path / "labels.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=said) as caught:
        read_cvat(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(0, 3000), st.binary(max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_file_only_dataset_errors_come(tmp_path_factory, place, noise):
    text = document(("", box(0, 0, value="walk") + box(5, 3, outside=1)), ("", mask(1))).encode()
    place %= len(text)
    path = tmp_path_factory.getbasetemp() / "noise.xml"
    path.write_bytes(text[:place] + noise + text[place + len(noise) + 1 :])
    try:
        read_cvat(path)
    except DatasetError as error:
        assert "\n" not in str(error)  # noqa: PT017  # that nothing else is raised is what is tested


# -- what is written --------------------------------------------------------------------------------------


def dataset_of(track, labels=(), *, actions=("walk",), root=Path("/d")):
    info = VideoInfo(root / "a" / "b.mp4", 60, 40, Fraction(25), 10, None, "unknown")
    video = LabelledVideo(info, "", "", None, (track,), labels)
    return Dataset(root, ("roe deer",), actions, (video,), {})


def track_of(frames, boxes, **more):
    masks = more.pop("masks", (None,) * len(frames))
    scores = np.ones(len(frames), np.float32)
    return Track(3, "roe deer", 1.0, np.array(frames), np.array(boxes, np.float32), scores, masks, **more)


def test_frames_that_cvat_interpolates_are_no_keyframes(tmp_path):
    boxes = [[x, 0, x + 5, 5] for x in (0, 1, 2, 3, 4, 9, 9.003, 9)]
    write_cvat(dataset_of(track_of(range(8), boxes)), tmp_path / "x.xml")
    lines = [line for line in (tmp_path / "x.xml").read_text().splitlines() if "<box" in line]
    keys = [int(line.split('keyframe="')[1][0]) for line in lines]
    assert keys == [1, 0, 0, 0, 1, 1, 0, 1, 1]
    assert 'outside="1"' in lines[-1]


def test_masks_are_single_shapes_in_the_group_of_their_boxes(tmp_path):
    bitmap = np.zeros((40, 60), bool)
    bitmap[4:9, 6:12] = True
    bitmap[5, 7] = False
    rle = encode_mask(bitmap)
    track = track_of([2, 3], [mask_to_box(rle)] * 2, masks=(rle, None))
    write_cvat(dataset_of(track), tmp_path / "x.xml")
    text = (tmp_path / "x.xml").read_text()
    assert text.count('group_id="4"') == 2
    assert 'rle="0, 7, 1, 22" left="6" top="4" width="6" height="5"' in text
    assert text.count("<mask") == 2
    assert text.count('<mask frame="3" keyframe="1" outside="1"') == 1


def test_one_file_is_of_one_video(tmp_path):
    track = track_of([0], [[0, 0, 5, 5]])
    dataset = dataset_of(track)
    two = Dataset(dataset.root, dataset.species, (), dataset.videos * 2, {})
    with pytest.raises(OutputError, match="name a folder"):
        write_cvat(two, tmp_path / "x.xml")
    assert list(tmp_path.iterdir()) == []
    write_cvat(dataset, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b.mp4.xml").is_file()
    assert read_cvat(tmp_path / "out").videos[0].info.path == tmp_path / "out/a/b.mp4"


def test_characters_that_xml_cannot_hold_are_refused_and_nothing_is_left(tmp_path):
    label = ActionLabel(3, "wa\x00lk", 0, 1)
    with pytest.raises(OutputError, match="XML cannot"):
        write_cvat(dataset_of(track_of([0], [[0, 0, 5, 5]]), (label,), actions=("wa\x00lk",)), tmp_path / "o")
    assert list(tmp_path.iterdir()) == []
