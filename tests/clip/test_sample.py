import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.clip import sample_frames, sample_windows

seconds = st.floats(0, 100)
steps = st.lists(st.floats(0.005, 1.5), min_size=0, max_size=60)


@given(steps, st.floats(-5, 60), st.integers(1, 40), st.floats(0.5, 60))
def test_frames_are_the_nearest_in_time_and_never_go_back(gaps, start_s, num_frames, rate):
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    frames = sample_frames(times, start_s, num_frames=num_frames, rate=rate)
    assert frames.dtype == np.int64
    assert len(frames) == num_frames
    assert frames.min() >= 0
    assert frames.max() < len(times)
    assert np.all(np.diff(frames) >= 0)
    distance = np.abs(times[:, None] - (start_s + np.arange(num_frames) / rate))
    assert np.all(distance[frames, np.arange(num_frames)] <= distance.min(axis=0) + 1e-5)


@given(st.floats(0, 8), st.integers(1, 32), st.sampled_from([4.0, 7.5, 8.0, 12.5, 15.0]))
def test_two_frame_rates_show_the_same_moments(start_s, num_frames, rate):
    slow, fast = np.arange(200) / 15, np.arange(400) / 30
    at_slow = slow[sample_frames(slow, start_s, num_frames=num_frames, rate=rate)]
    at_fast = fast[sample_frames(fast, start_s, num_frames=num_frames, rate=rate)]
    assert np.abs(at_slow - at_fast).max() <= 1 / 15 + 1e-5


@pytest.mark.parametrize("fps", [15.0, 25.0, 30000 / 1001, 30.0])
def test_at_the_videos_own_rate_each_frame_comes_once(fps):
    times = np.arange(100) / fps
    assert sample_frames(times, times[7], num_frames=32, rate=fps).tolist() == list(range(7, 39))


def test_between_two_frames_the_earlier_wins_whatever_the_rounding():
    times = np.arange(50) / 30
    frames = sample_frames(times, 0.5 / 30, num_frames=40, rate=30)
    assert frames.tolist() == list(range(40))


def test_slow_video_repeats_frames():
    assert sample_frames(np.array([0.0, 1.0, 2.0]), 0.0, num_frames=5, rate=2).tolist() == [0, 0, 1, 1, 2]


def test_no_frames_to_choose_from():
    with pytest.raises(ValueError, match="from 0 frames"):
        sample_frames(np.zeros(0), 0.0, num_frames=4, rate=8)


@given(seconds, st.floats(0, 60), st.floats(0.1, 8), st.floats(0.1, 8))
def test_windows_cover_the_stretch(start_s, length_s, clip_s, hop_s):
    end_s = start_s + length_s
    windows = sample_windows(start_s, end_s, clip_s=clip_s, hop_s=hop_s)
    assert windows[:, 1] - windows[:, 0] == pytest.approx(clip_s)
    if end_s - start_s <= clip_s + 1e-6:
        assert len(windows) == 1
        assert windows.mean() == pytest.approx((start_s + end_s) / 2)
        return
    assert windows[0, 0] == pytest.approx(start_s)
    assert windows[-1, 1] == pytest.approx(end_s)
    hops = np.diff(windows[:, 0])
    assert np.all(hops > 0)
    assert hops[:-1] == pytest.approx(hop_s)
    assert np.all(hops <= hop_s + 1e-5)


def test_no_window_twice_where_hops_fit_exactly():
    assert sample_windows(0, 0.3, clip_s=0.1, hop_s=0.1)[:, 0] == pytest.approx([0, 0.1, 0.2])


def test_windows_without_length():
    with pytest.raises(ValueError, match="no windows"):
        sample_windows(0, 1, clip_s=0, hop_s=1)
