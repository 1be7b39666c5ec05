import json
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.megadetector import read_megadetector, write_megadetector
from wildact.datasets.formats.table import FORMATS, list_losses
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.types import Track, VideoInfo

SIZE = (64, 48)


def content():
    """A file as the format's page shows it: a video, a picture, one without detections, one that failed."""
    return {
        "info": {"format_version": "1.6", "detector": "MDV5A", "detector_metadata": {"x": 1}},
        "detection_categories": {"1": "animal", "2": "person"},
        "classification_categories": {"0": "fox", "7": "elk ü"},
        "images": [
            {
                "file": "a b/-v.mp4", "frame_rate": 29.97002997002997, "frames_processed": [0, 30],
                "detections": [
                    {"category": "1", "conf": 0.9, "bbox": [0.25, 0.5, 0.25, 0.25], "frame_number": 30,
                     "classifications": [["7", 0.8], ["0", 0.1]]},
                    {"category": "2", "conf": 0.5, "bbox": [0, 0, 1, 1], "frame_number": 0},
                ],
            },
            {"file": "p\\q.jpg", "detections": [{"category": "1", "conf": 1, "bbox": [0, 0, 0.5, 0.5]}]},
            {"file": "empty.avi", "frame_rate": 20, "frames_processed": [0], "detections": []},
            {"file": "broken.mp4", "failure": "Failure video access", "detections": None},
        ],
    }  # fmt: skip


def read(folder, document, facts=Facts(size=SIZE)):  # noqa: B008
    path = folder / "md.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return read_megadetector(path, facts)


def test_detections_become_tracks_of_one_box(tmp_path):
    dataset = read(tmp_path, content())
    video, empty, picture = dataset.videos
    assert (video.info.path, video.info.fps, video.info.frames) == (
        tmp_path / "a b/-v.mp4",
        Fraction(30000, 1001),
        None,
    )
    first, second = video.tracks
    assert (first.label, first.label_score, first.frames.tolist()) == ("elk ü", 0.8, [30])
    assert first.boxes.tolist() == [[16, 24, 32, 36]]
    assert (second.label, second.scores.tolist()) == ("person", [0.5])
    assert (picture.info.path, picture.info.frames, picture.info.fps) == (tmp_path / "p/q.jpg", 1, 0)
    assert (empty.tracks, empty.info.width) == ((), 0)
    assert dataset.species == ("elk ü", "person", "animal")
    assert dataset.dropped == ("1 further guess of a species", "1 file that MegaDetector could not read")


def test_the_size_comes_from_the_videos(film, tmp_path):
    document = content()
    document["images"] = document["images"][:1]
    document["images"][0]["detections"][0]["frame_number"] = 2
    with pytest.raises(DatasetError, match=r"the frame size of 'a b/-v\.mp4' is not told"):
        read(tmp_path, document, Facts())
    film(tmp_path / "a b/-v.mp4", seconds=0.3, size=(32, 16))
    (video,) = read(tmp_path, document, Facts(videos=tmp_path)).videos
    assert (video.info.width, video.info.height) == (32, 16)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("info",), {}, "info.format_version: field required"),
        (("images",), {}, "images: input should be a valid"),
        (("images", 0, "file"), "../x.mp4", r"images\[0\]: the video '../x.mp4' would lie outside"),
        (("images", 0, "file"), "C:/x.mp4", "would lie outside"),
        (("images", 0, "frame_rate"), 0, "0.0 is no frame rate"),
        (
            ("images", 0, "detections", 0, "category"),
            "9",
            r"detections\[0\]: '9' is not among the detection_cat",
        ),
        (("images", 0, "detections", 0, "conf"), "x", r"images\[0\].detections\[0\].conf"),
        (("images", 0, "detections", 0, "conf"), 1e300, "less than or equal to 1"),
        (("images", 0, "detections", 0, "bbox"), [0, 0, 1], "bbox"),
        (("images", 0, "detections", 0, "bbox"), [0.5, 0, 0, 1], "is empty"),
        (("images", 0, "detections", 0, "bbox"), [0.5, 0, 0.7, 1], "lies outside the frame"),
        (("images", 0, "detections", 0, "frame_number"), -1, "frame_number"),
        (
            ("images", 0, "detections", 0, "classifications"),
            [["9", 1]],
            "'9' is not among the classification_cat",
        ),
        (("images", 0, "detections", 0, "classifications"), [["9"]], "classifications"),
        (("detection_categories", "1"), " ", "cannot be the name of a species"),
        (("images", 2, "file"), "a b/-v.mp4", "is there twice"),
    ],
)
def test_broken_files_are_said(tmp_path, path, value, said):
    document = content()
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DatasetError, match=said) as caught:
        read(tmp_path, document)
    assert "md.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\ud800"])
def test_what_is_no_json_is_said(tmp_path, text):
    (tmp_path / "md.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DatasetError, match=r"md\.json"):
        read_megadetector(tmp_path / "md.json", Facts())


@st.composite
def videos(draw, root, name):
    length = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    tracks = []
    for number in range(1, draw(st.integers(0, 3)) + 1):
        corners = np.sort(rng.random((2, 2)) * (SIZE[0] - 1, SIZE[1] - 1), axis=0)
        corners[1] += 1
        tracks.append(
            Track(
                track_id=number,
                label=draw(st.sampled_from(["Luchs ♀", "animal"])),
                label_score=draw(st.sampled_from([1.0, 0.25])),
                frames=np.array([rng.integers(length)]),
                boxes=corners.reshape(1, 4).astype(np.float32),
                scores=rng.choice([1, 0.3], 1).astype(np.float32),
                masks=(None,),
            )
        )
    fps = draw(st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(1, 3)]))
    info = VideoInfo(root / name, *SIZE, fps, length, length / fps, "unknown")
    return LabelledVideo(info, "", "", None, tuple(tracks), ())


def told(dataset):
    return [
        (
            video.info.path.relative_to(dataset.root),
            video.info.fps,
            sorted(
                (int(t.frames[0]), t.label, t.label_score, *t.boxes[0].tolist(), float(t.scores[0]))
                for t in video.tracks
            ),
        )
        for video in dataset.videos
    ]  # fmt: skip


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_again(data):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        found = tuple(data.draw(videos(root, name)) for name in ("-a/b ü.mp4", "c.mp4"))
        labels = {track.label for video in found for track in video.tracks}
        dataset = Dataset(root, tuple(labels), (), found, {})
        write_megadetector(dataset, root / "md.json")
        back = read_megadetector(root / "md.json", Facts(size=SIZE))
    assert told(back) == told(dataset)
    assert back.dropped == ()
    losses = list_losses(dataset, FORMATS["megadetector"])
    assert losses == ["the frame size of 2 videos", "the number of frames of 2 videos"]
