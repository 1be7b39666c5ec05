"""The files in the package do what they did: a weight file that is zeroed, swapped or damaged fails here."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import wildact
from wildact import defaults
from wildact.boxes import box_iou
from wildact.datasets import load_dataset, map_classes, select_split, truth_at
from wildact.decode import VideoReader
from wildact.detect import load_detector
from wildact.errors import WildactError
from wildact.metrics import match_detections, pool_detection
from wildact.weights import BUNDLED_FOLDER, load_weights, read_card, save_weights

FLOOR = 0.6
"""Box AP50 of animals on the simulated clips that the bundled detector passes."""

REAL_FLOOR = 0.5
"""The same on real images."""

DETECTOR = "maskrcnn_lite0_fpn"


def score_clips(detector, clips):
    """Class-agnostic box AP50 of animals on every fourth frame."""
    matches = []
    for video in clips.values():
        with VideoReader(video.info.path) as reader:
            frames = list(reader.frames(lambda index, _: index % 4 == 0))
        truth = [truth_at(video.tracks, frame.index, ("animal",)) for frame in frames]
        found = [detector(frame.image) for frame in frames]
        animals = [one.select(one.labels == detector.classes.index("animal")) for one in found]
        matches.append(
            match_detections(
                [boxes for boxes, _ in truth], animals, ("animal",), iou_type="bbox",
                crowds=[crowds for _, crowds in truth],
            )
        )  # fmt: skip
    return float(pool_detection(matches, np.ones((1, len(matches)), np.int64), ("animal",))["ap50"][0])


def test_the_detector_passes_its_floor(clips):
    assert score_clips(load_detector(min_score=0.05), clips) >= FLOOR


@pytest.mark.parametrize("light", ["day", "dusk", "ir"])
def test_a_clip_gives_what_it_gave(analysed, golden, light):
    found, expected = analysed[light], golden[light]
    assert found["light"] == expected["light"]
    assert [track["label"] for track in found["tracks"]] == [track["label"] for track in expected["tracks"]]
    for one, other in zip(found["tracks"], expected["tracks"], strict=True):
        assert abs(one["frames"] - other["frames"]) <= 2
        assert abs(one["frame"] - other["frame"]) <= 1
        assert box_iou(*(np.array([track["box"]], np.float32) for track in (one, other)))[0, 0] > 0.8
        assert one["actions"] == other["actions"]
        assert one["likeliest"] == other["likeliest"]
        assert abs(one["probability"] - other["probability"]) < 0.1


def test_the_golden_clips_have_animals_and_actions(golden):
    tracks = [track for clip in golden.values() for track in clip["tracks"]]
    assert len(tracks) >= 3
    assert all(track["actions"] for track in tracks)
    assert all(track["label"] != "animal" for track in tracks)


def tamper(path, target, change):
    """Write a changed copy of a weights file, with a card that fits it."""
    state, card = load_weights(path, read_card(path))
    save_weights(target, change({name: tensor.clone() for name, tensor in state.items()}), card)


def zero(state):
    return {name: torch.zeros_like(tensor) for name, tensor in state.items()}


def test_zeroed_weights_fail_the_floor(clips, tmp_path):
    tamper(BUNDLED_FOLDER / f"{DETECTOR}.safetensors", tmp_path / "zero.safetensors", zero)
    assert score_clips(load_detector(str(tmp_path / "zero.safetensors"), min_score=0.05), clips) < FLOOR / 2


@pytest.mark.parametrize(("part", "name", "key"), [
    ("namer", "lite0_namer", "label"), ("recognizer", "lite0_tsm", "probability"),
])  # fmt: skip
def test_a_zeroed_namer_or_action_network_differs_from_the_golden_clips(
    clips, golden, describe, tmp_path, part, name, key
):
    tamper(BUNDLED_FOLDER / f"{name}.safetensors", tmp_path / "zero.safetensors", zero)
    settings = wildact.AnalysisSettings(**{part: str(tmp_path / "zero.safetensors")})
    found = describe(wildact.analyze(clips["day"].info.path, settings))
    (track,), (expected,) = found["tracks"], golden["day"]["tracks"]
    assert track[key] != expected[key]


def test_lost_preprocessing_fails_the_floor(clips):
    detector = load_detector(min_score=0.05)
    detector.model.transform.image_mean, detector.model.transform.image_std = [3.0] * 3, [1.0] * 3
    assert score_clips(detector, clips) < FLOOR


def test_swapped_weights_are_refused(tmp_path):
    names = sorted(path.stem for path in BUNDLED_FOLDER.glob("*.safetensors"))
    other = next(name for name in names if name != DETECTOR)
    swapped = tmp_path / f"{DETECTOR}.safetensors"
    shutil.copy(BUNDLED_FOLDER / f"{other}.safetensors", swapped)
    shutil.copy(BUNDLED_FOLDER / f"{DETECTOR}.json", tmp_path)
    with pytest.raises(WildactError):
        load_detector(str(swapped))


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real"


@pytest.fixture(scope="module")
def real():
    """``real(name, keep, count)``: images of a set's val split, in the class animal."""
    if not REAL.is_dir():
        pytest.skip(f"the real images are not at {REAL}")

    def read(name, keep, count):
        dataset = map_classes(select_split(load_dataset(REAL / name), "val"), ("animal",))
        kept = [video for video in dataset.videos if keep(video)]
        return kept[:: max(1, len(kept) // count)][:count]

    return read


def test_real_images_pass_their_floor(real):
    """60 photographs and camera-trap frames: below what the bundled detector reaches, above any other's."""
    images = [*real("voc12_animals", has_animals, 30), *real("missouri_ct", has_animals, 30)]
    assert len(images) == 60
    assert score_clips(load_detector(min_score=0.05), dict(enumerate(images))) >= REAL_FLOOR


def has_animals(video):
    return any(not track.crowd for track in video.tracks)


def test_empty_frames_mostly_stay_empty(real):
    images = real("missouri_ct", lambda video: not video.tracks, 40)
    detector = load_detector(min_score=0.05)
    confidence = detector.card.min_score or defaults.MIN_SCORE
    fired = []
    for video in images:
        with VideoReader(video.info.path) as reader:
            (frame,) = reader.frames()
        found = detector(frame.image)
        animals = found.scores[found.labels == detector.classes.index("animal")]
        fired.append(bool((animals >= confidence).any()))
    assert len(fired) == 40
    assert np.mean(fired) <= 0.1
