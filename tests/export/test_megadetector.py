import json
from dataclasses import replace
from fractions import Fraction

import pytest

from wildact.errors import OutputError
from wildact.export.megadetector import save_megadetector
from wildact.export.recording import Recording
from wildact.types import VideoInfo


def save(folder, *recordings, **options):
    save_megadetector(folder / "md.json", iter(recordings), **options)
    return json.loads((folder / "md.json").read_text(encoding="utf-8"))


def check(content):
    """What MegaDetector's own validator asks for, in the words of its format page."""
    float(content["info"]["format_version"])
    for key in ("detection_categories", "classification_categories"):
        assert all(int(number) >= 0 and name for number, name in content[key].items())
    for entry in content["images"]:
        assert entry["frame_rate"] > 0
        assert all(isinstance(frame, int) for frame in entry["frames_processed"])
        for detection in entry["detections"]:
            assert detection["category"] in content["detection_categories"]
            assert isinstance(detection["conf"], float)
            assert detection["frame_number"] in entry["frames_processed"]
            x, y, w, h = detection["bbox"]
            assert 0 <= x <= x + w <= 1 + 1e-9
            assert 0 <= y <= y + h <= 1 + 1e-9
            scores = [score for _, score in detection["classifications"]]
            assert scores == sorted(scores, reverse=True)
            assert all(n in content["classification_categories"] for n, _ in detection["classifications"])


def test_detections_are_written_and_boxes_between_them_are_not(result, blank, tmp_path):
    content = save(tmp_path, Recording("-a ü.mp4", result), Recording("b.avi", blank), completed="2024")
    check(content)
    assert content["info"]["detection_completion_time"] == "2024"
    assert content["info"]["detector"] == "x"
    one, two = content["images"]
    assert (one["file"], one["frame_rate"], len(one["frames_processed"])) == ("-a ü.mp4", 10, 20)
    observed = sum(int(track.observed.sum()) for track in result.tracks)
    assert len(one["detections"]) == observed < sum(map(len, result.tracks))
    assert two["detections"] == []
    assert list(content["classification_categories"].values()) == ["red deer", "Wildkatze ♀"]
    assert one["detections"][0]["bbox"] == pytest.approx([10 / 160, 40 / 120, 30 / 160, 40 / 120])


def test_boxes_are_cut_off_at_the_border(result, tmp_path):
    result.tracks[0].boxes[0] = (-10, 40, 20, 130)
    result.tracks[0].boxes[1] += 1000
    content = save(tmp_path, Recording("a", replace(result, tracks=result.tracks[:1])))
    check(content)
    assert content["images"][0]["detections"][0]["bbox"] == pytest.approx([0, 1 / 3, 20 / 160, 80 / 120])
    assert [d["frame_number"] for d in content["images"][0]["detections"]] == [0, *range(2, 20)]


def test_people_and_vehicles_have_their_categories(result, tmp_path):
    tracks = [replace(result.tracks[0], track_id=k, label=name, label_score=1.0)
              for k, name in enumerate(("person", "vehicle", "animal", "lynx"), start=1)]  # fmt: skip
    content = save(tmp_path, Recording("a", replace(result, tracks=tuple(tracks))))
    first = content["images"][0]["detections"][:4]
    assert sorted((d["category"], "classifications" in d) for d in first) == [
        ("1", False), ("1", True), ("2", False), ("3", False),
    ]  # fmt: skip


def test_an_unknown_size_is_said(result, tmp_path):
    info = VideoInfo(result.info.path, 0, 0, Fraction(10), 20, None, "unknown")
    with pytest.raises(OutputError, match="size of the frames of a is unknown"):
        save(tmp_path, Recording("a", replace(result, info=info)))
    assert list(tmp_path.iterdir()) == []
