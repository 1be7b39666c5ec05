from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wildact.types import Detections, Frame, RecordingTime, Track, VideoInfo, VideoResult


def detections(n=3):
    return Detections(
        boxes=np.arange(4 * n, dtype=np.float32).reshape(n, 4),
        scores=np.linspace(1, 0, n, dtype=np.float32),
        labels=np.arange(n),
    )


def test_wrong_shapes_and_types_are_refused_where_they_are_made():
    with pytest.raises(ValueError, match="boxes must have shape"):
        Detections(np.zeros((2, 5), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="scores must be an array of float32"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(2), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="1 masks for 2 boxes"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(2, np.float32), np.zeros(2, np.int64), (None,))
    with pytest.raises(ValueError, match="image must have shape"):
        Frame(0, Fraction(0), np.zeros((4, 4), np.uint8))


def test_select_by_mask_and_by_index():
    assert detections().select(np.array([True, False, True])).labels.tolist() == [0, 2]
    assert detections().select(np.array([2, 0])).labels.tolist() == [2, 0]
    assert len(Detections.empty()) == 0


@pytest.mark.parametrize(("frames", "span"), [([1, 2], (0.1, 0.4)), ([2, 3], (0.2, 0.5)), ([0], (0.0, 0.1))])
def test_last_frame_of_a_track_counts_until_the_next(frames, span):
    track = Track(
        1,
        "boar",
        1.0,
        np.array(frames),
        np.zeros((len(frames), 4), np.float32),
        np.ones(len(frames), np.float32),
        (None,) * len(frames),
    )
    times_s = np.array([0.0, 0.1, 0.2, 0.4])
    assert track.span_s(times_s) == pytest.approx(span)
    end = 0.45 if frames[-1] == 3 else span[1]
    assert track.span_s(times_s, Fraction(45, 100)) == pytest.approx((span[0], end))


def test_track_frames_must_increase():
    with pytest.raises(ValueError, match="strictly increasing"):
        Track(
            1,
            "hare",
            1.0,
            np.array([3, 3]),
            np.zeros((2, 4), np.float32),
            np.zeros(2, np.float32),
            (None,) * 2,
        )


def test_a_track_has_no_place_for_frames_on_which_the_animal_is_hidden():
    frames = np.array([2, 3, 7], np.int64)
    track = Track(1, "deer", 1.0, frames, np.zeros((3, 4), np.float32), np.ones(3, np.float32), (None,) * 3)
    assert [track.place_of(frame) for frame in range(9)] == [
        None, None, 0, 1, None, None, None, 2, None,
    ]  # fmt: skip


def test_times_of_a_29_97_video_are_not_rounded():
    info = VideoInfo(Path("a.mp4"), 64, 48, Fraction(30000, 1001), 3, Fraction(3003, 30000), "h264")
    result = VideoResult(info, "day", np.array([0, 1001, 2002]), Fraction(1, 30000), ())
    assert result.times_s.tolist() == pytest.approx([0, 1001 / 30000, 2002 / 30000], abs=1e-12)
    assert result.status == "blank"


def test_the_start_of_a_recording_states_its_zone():
    assert RecordingTime(datetime(2024, 1, 31, tzinfo=UTC), "file name", "20240131").clock_offset_s == 0
    with pytest.raises(ValueError, match="offset from UTC"):
        RecordingTime(datetime(2024, 1, 31), "file name", "20240131")
