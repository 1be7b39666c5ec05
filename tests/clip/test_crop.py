from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.clip import (
    clip_squares,
    crop_region,
    cut_clips,
    frames_needed,
    plan_clips,
    plan_clips_at,
    smooth_boxes,
)
from wildact.types import Frame, Track


def make_track(frames, centres, side=20.0, track_id=1):
    centres = np.asarray(centres, np.float32)
    boxes = np.concatenate([centres - side / 2, centres + side / 2], axis=1).astype(np.float32)
    scores = np.ones(len(frames), np.float32)
    return Track(track_id, "roe deer", 1.0, np.asarray(frames), boxes, scores, (None,) * len(frames))


def make_video(length, height=60, width=80):
    """Every pixel of every frame tells its place and its frame."""
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    return [Frame(i, Fraction(i, 10), np.stack([x, y, np.full_like(x, i)], axis=2)) for i in range(length)]


def test_moving_average_takes_out_jitter_and_keeps_steady_motion():
    times = np.arange(100) / 30
    steady = (times[:, None] * [60, 10, 60, 10] + [0, 0, 40, 40]).astype(np.float32)
    assert smooth_boxes(steady, times) == pytest.approx(steady, abs=1e-3)
    jitter = np.random.default_rng(0).normal(0, 3, steady.shape).astype(np.float32)
    assert np.std(smooth_boxes(steady + jitter, times) - steady) < 0.5 * np.std(jitter)


def test_moving_average_goes_by_time_not_by_frames():
    times = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])
    boxes = np.repeat([[0.0], [3.0], [0.0], [9.0], [9.0], [9.0]], 4, axis=1).astype(np.float32)
    assert smooth_boxes(boxes, times, 0.2)[:, 0] == pytest.approx([0, 1, 1.5, 9, 9, 9])
    assert np.array_equal(smooth_boxes(boxes, times, 0.0), boxes)


def test_squares_have_one_side_and_follow_the_centres():
    boxes = np.array([[0, 0, 10, 20], [10, 10, 50, 20]], np.float32)
    assert clip_squares(boxes, context=1.5).tolist() == [[5, 10, 60], [30, 15, 60]]


@pytest.mark.parametrize("side", [8, 16, 32, 64])
@pytest.mark.parametrize("dot", [(70, 40), (65, 47)])
def test_a_painted_dot_lands_in_its_pixel(side, dot):
    image = np.zeros((100, 120, 3), np.uint8)
    left, top, size = 64, 40, 16
    image[dot[1], dot[0]] = 255
    crop = crop_region(image, (left + side / 2, top + side / 2), side, size)
    assert crop.shape == (size, size, 3)
    y, x = np.unravel_index(crop[..., 0].argmax(), (size, size))
    shown = (left + (x + 0.5) * side / size, top + (y + 0.5) * side / size)
    assert shown == pytest.approx((dot[0] + 0.5, dot[1] + 0.5), abs=max(0.5, side / size / 2))
    if side >= size:  # averaged over areas: the dot's light is spread, not lost or missed
        assert crop[..., 0].sum() == pytest.approx(255 * (size / side) ** 2, abs=1)


def test_same_size_is_an_exact_cut():
    image = np.random.default_rng(1).integers(0, 255, (50, 60, 3), dtype=np.uint8)
    assert np.array_equal(crop_region(image, (30.0, 25.0), 16, 16), image[17:33, 22:38])


def test_small_squares_move_by_fractions_of_a_pixel():
    ramp = np.repeat(np.arange(0, 200, 4, dtype=np.uint8)[None, :, None], 50, axis=0).repeat(3, axis=2)
    crops = [crop_region(ramp, (25 + shift, 25.0), 8, 16)[..., 0].astype(int) for shift in (0.0, 0.5)]
    assert (crops[1] - crops[0]).mean() == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("side", [10, 40])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (40.0, 30.0), (-500.0, 10.0), (20.0, 900.0), (999.0, -999.0)])
def test_beyond_the_border_its_colours_go_on(side, centre):
    y, x = np.mgrid[:30, :40]
    image = np.stack([x * 5, y * 5, np.zeros_like(x)], axis=2).astype(np.uint8)
    crop = crop_region(image, centre, side, 20)
    step = side / 20
    want_x = np.clip(centre[0] - side / 2 + step * (np.arange(20) + 0.5) - 0.5, 0, 39) * 5
    want_y = np.clip(centre[1] - side / 2 + step * (np.arange(20) + 0.5) - 0.5, 0, 29) * 5
    assert crop[..., 0] == pytest.approx(np.tile(want_x, (20, 1)), abs=2)
    assert crop[..., 1] == pytest.approx(np.tile(want_y[:, None], (1, 20)), abs=2)


@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(0.5, 400))
def test_any_square_can_be_cut(x, y, side):
    image = np.full((30, 40, 3), 7, np.uint8)
    assert np.array_equal(crop_region(image, (x, y), side, 24), np.full((24, 24, 3), 7, np.uint8))


def test_plans_bridge_gaps_and_stay_within_the_track():
    times = np.arange(60) / 10
    track = make_track([10, 11, 30, 31], [[10, 20], [11, 20], [30, 20], [31, 20]])
    plans = plan_clips(track, times, num_frames=8, rate=8, hop_s=0.5, context=1.0, smooth_s=0)
    assert plans[0].start_s == pytest.approx(1.0)
    assert plans[-1].end_s == pytest.approx(3.2)
    for plan in plans:
        assert plan.frames.min() >= 10
        assert plan.frames.max() <= 31
        assert plan.squares[:, 0] == pytest.approx(plan.frames, abs=1e-3)
        assert np.all(plan.squares[:, 2] == 20)


def test_a_clip_that_reaches_beyond_the_track_repeats_its_ends():
    track = make_track([10, 11, 12], [[10, 20]] * 3)
    (plan,) = plan_clips_at(track, np.arange(60) / 10, np.array([0.8]), num_frames=8, rate=10)
    assert plan.frames.tolist() == [10, 10, 10, 11, 12, 12, 12, 12]


def test_a_time_lapse_is_not_shown_again_and_again():
    times = np.arange(10) * 60.0
    plans = plan_clips(make_track(range(10), [[10, 20]] * 10), times, num_frames=8, rate=8, hop_s=0.5)
    assert {plan.frames[0] for plan in plans} == set(range(10))
    assert len(plans) <= 21


def test_a_track_of_one_frame_makes_a_clip():
    (plan,) = plan_clips(make_track([0], [[10, 20]]), np.zeros(1), num_frames=4, rate=8, hop_s=1)
    assert plan.frames.tolist() == [0, 0, 0, 0]


def test_streaming_gives_what_naive_cutting_gives():
    video = make_video(60)
    times = np.array([float(frame.time) for frame in video])
    walk = make_track(range(5, 50), [[20 + i * 0.7, 30] for i in range(45)], track_id=1)
    rest = make_track([0, 30, 59], [[60, 20]] * 3, side=44, track_id=2)
    plans = [p for t in (walk, rest) for p in plan_clips(t, times, num_frames=8, rate=8, hop_s=0.4)]
    clips = list(cut_clips(plans, (f for f in video if f.index in frames_needed(plans)), size=24))
    assert len(clips) == len(plans)
    assert [c.frames[-1] for c in clips] == sorted(p.frames[-1] for p in plans)
    by_start = {(c.track_id, c.start_s): c for c in clips}
    for plan in plans:
        clip = by_start[plan.track_id, plan.start_s]
        assert np.array_equal(clip.frames, plan.frames)
        for image, number, (x, y, side) in zip(clip.images, plan.frames, plan.squares.tolist(), strict=True):
            assert np.array_equal(image, crop_region(video[number].image, (x, y), side, 24))


def test_a_clip_comes_as_soon_as_its_last_frame_was_seen():
    seen = []

    def frames():
        for frame in make_video(40):
            seen.append(frame.index)
            yield frame

    times = np.arange(40) / 10
    plans = plan_clips(make_track(range(40), [[40, 30]] * 40), times, num_frames=5, rate=10, hop_s=0.5)
    for clip in cut_clips(plans, frames(), size=8):
        assert seen[-1] == clip.frames[-1]
    assert len(plans) == 8


@pytest.mark.parametrize("given_frames", [range(5), [0, 1, 3, 4, 5, 6, 7]])
def test_missing_frames_are_reported(given_frames):
    video = make_video(10)
    plans = plan_clips_at(
        make_track(range(10), [[40, 30]] * 10), np.arange(10) / 10, np.zeros(1), num_frames=8, rate=10
    )
    with pytest.raises(ValueError, match=r"frame \d, which a clip needs"):
        list(cut_clips(plans, [video[i] for i in given_frames], size=8))
