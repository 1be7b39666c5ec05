"""What moves is seen: the right frames beside each, the same in a stream as in the whole video."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from tests.detect.conftest import SMALL, make_frames, tiny_card, tiny_model
from wildact.detect import Detector, build_detector, predict_detections, stream_detections
from wildact.detect.motion import (
    BACKGROUND_FRAMES,
    BESIDE_S,
    CHANNELS,
    FUTURE_S,
    PAST_S,
    add_motion,
    choose_beside,
    resize_channels,
    sees_motion,
    stack_motion,
    to_grey,
)
from wildact.detect.predict import make_batch, prepare_images
from wildact.types import Frame

NAME, PLAIN_NAME = "motion_maskrcnn_lite0_fpn", "maskrcnn_lite0_fpn"


@pytest.fixture(scope="module")
def motion_detector():
    """One that has learned something: what moves changes what it sees."""
    model = tiny_model(NAME)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for joint in model.backbone.joints:
            joint.weight.copy_(torch.randn(joint.weight.shape, generator=generator) * 0.5)
    return Detector.from_model(model, tiny_card(NAME), min_score=0.01)


def test_beside_a_frame_are_the_moments_that_were_asked_for():
    times_s = np.arange(100) / 10
    before, after, *around = times_s[choose_beside(times_s, 50)]
    assert (before, after) == pytest.approx((5 - BESIDE_S, 5 + BESIDE_S))
    assert len(around) == BACKGROUND_FRAMES
    assert (min(around), max(around)) == pytest.approx((5 - PAST_S, 5 + FUTURE_S))


@pytest.mark.parametrize("current", [0, 3])
def test_at_the_ends_of_a_video_the_nearest_frames_stand_in(current):
    times_s = np.array([0.0, 0.1, 0.15, 0.9])
    beside = times_s[choose_beside(times_s, current)]
    assert set(beside) <= set(times_s)
    assert beside[0] == (0.0 if current == 0 else 0.15)  # 0.5 was asked for: 0.15 is nearer than 0.9
    assert (min(beside[2:]), max(beside[2:])) == (0.0, 0.9)
    assert choose_beside(times_s[:1], 0).tolist() == [0] * (2 + BACKGROUND_FRAMES)


def test_the_background_is_what_was_there_most_of_the_time():
    image = np.full((4, 6, 3), 90, np.uint8)
    levels = np.random.default_rng(0).integers(80, 100, (7, 4, 6), np.uint8)
    stacked = stack_motion(image, list(levels))
    assert stacked.shape == (4, 6, CHANNELS)
    assert (stacked[..., :3] == 90).all()
    np.testing.assert_array_equal(stacked[..., 3], levels[0])
    np.testing.assert_array_equal(stacked[..., 4], levels[1])
    np.testing.assert_array_equal(stacked[..., 5], np.median(levels[2:], axis=0))


def test_where_the_camera_moved_nothing_does():
    ground = np.random.default_rng(0).integers(0, 256, (80, 120), np.uint8)
    image = np.dstack([ground] * 3)
    moved, near = np.roll(ground, 9, axis=1), ground.copy()
    near[20:60, 20:80] = 255 - near[20:60, 20:80]  # an animal close by: a quarter of the picture
    stacked = stack_motion(image, [moved, near, moved, moved, moved, near, moved])
    np.testing.assert_array_equal(stacked[..., 3], ground)
    np.testing.assert_array_equal(stacked[..., 4], near)
    np.testing.assert_array_equal(stacked[..., 5], ground)


def test_resizing_treats_all_channels_as_opencv_treats_three():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, CHANNELS), np.uint8)
    small = resize_channels(image, (21, 13), cv2.INTER_AREA)
    for first in (0, 3):
        part = np.ascontiguousarray(image[..., first : first + 3])
        np.testing.assert_array_equal(
            small[..., first : first + 3], cv2.resize(part, (21, 13), interpolation=cv2.INTER_AREA)
        )


@pytest.mark.parametrize("step", [1, 3])
def test_a_stream_gives_what_the_whole_video_gives(step):
    frames = make_frames(80)
    times_s = np.array([float(frame.time) for frame in frames])
    out = list(add_motion(iter(frames), wanted=lambda frame: frame.index % step == 0))
    assert [frame.index for frame, _ in out] == list(range(0, 80, step))
    for frame, stacked in out:
        now = float(frame.time)
        near = np.flatnonzero((times_s >= now - PAST_S) & (times_s <= now + FUTURE_S))
        beside = near[choose_beside(times_s[near], frame.index - near[0])]
        expected = stack_motion(frame.image, [to_grey(frames[k].image) for k in beside])
        np.testing.assert_array_equal(stacked, expected)


def test_a_frame_waits_for_its_future_and_no_longer():
    taken = []

    def frames():
        for frame in make_frames(60):
            taken.append(frame.index)
            yield frame

    stream = add_motion(frames())
    for index in range(5):
        next(stream)
        assert taken[-1] == index + FUTURE_S * 10


def test_before_any_training_it_sees_what_the_network_without_sees():
    plain = tiny_model(PLAIN_NAME)
    model = build_detector(NAME, 3, **SMALL)
    model.load_state_dict(plain.state_dict(), strict=False)
    ours = Detector.from_model(model, tiny_card(NAME), min_score=0.01)
    theirs = Detector.from_model(plain, tiny_card(PLAIN_NAME), min_score=0.01)
    frames = make_frames(12)
    assert sees_motion(ours.model)
    assert not sees_motion(theirs.model)
    pairs = zip(stream_detections(ours, frames), stream_detections(theirs, frames), strict=True)
    for (frame, found), (other, expected) in pairs:
        assert frame is other
        assert len(found) > 0
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)


def test_what_stands_still_is_seen_as_a_single_picture_and_what_moves_is_not(motion_detector):
    still, moving = make_frames(30, still=True), make_frames(30)
    for frames, same in ((still, True), (moving, False)):
        (_, found) = list(stream_detections(motion_detector, frames))[15]
        (alone,) = predict_detections(motion_detector, [frames[15].image])
        equal = len(found) == len(alone) and np.allclose(found.scores, alone.scores, atol=1e-5)
        assert equal is same


def test_a_still_picture_has_no_motion_also_where_it_is_padded(motion_detector):
    image = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    tensors, _ = prepare_images(motion_detector, [image])
    seen = motion_detector.model.backbone._see_motion(make_batch(motion_detector, tensors))
    assert seen[:, 4:].abs().max() < 0.1  # three grey levels: the means of RGB and grey differ by as much
    assert seen[:, :4].std() > 0.1


def test_what_is_found_is_in_pixels_of_the_frames(motion_detector):
    large = [Frame(f.index, f.time, f.image.repeat(3, axis=0).repeat(3, axis=1)) for f in make_frames(10)]
    for frame, found in stream_detections(motion_detector, large, batch_size=3):
        assert all((m.height, m.width) == frame.image.shape[:2] for m in found.masks)
        assert found.boxes[:, 2].max() > 0.6 * frame.image.shape[1]


def test_frames_of_another_size_begin_anew_and_batches_change_nothing(motion_detector):
    frames = make_frames(7) + make_frames(9, size=(80, 120), start=7)
    whole = list(stream_detections(motion_detector, frames, batch_size=4))
    parts = [*stream_detections(motion_detector, frames[:7]), *stream_detections(motion_detector, frames[7:])]
    for (frame, found), (other, expected) in zip(whole, parts, strict=True):
        assert frame is other
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_frames_may_be_mirrored_too(motion_detector):
    frames = make_frames(8, still=True)  # whether a camera moved is told by few pixels
    for k, frame in enumerate(frames):
        frame.image[20:40, 9 * k : 9 * k + 16] = 255
    mirror = [replace(frame, image=np.ascontiguousarray(frame.image[:, ::-1])) for frame in frames]
    ours = [found for _, found in stream_detections(motion_detector, frames, mirrored=True)]
    theirs = [found for _, found in stream_detections(motion_detector, mirror, mirrored=True)]
    for found, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found.scores, other.scores, atol=1e-4)
