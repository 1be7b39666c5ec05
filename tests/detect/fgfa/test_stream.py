"""A stream of frames gives what the whole clip gives, for every window and length."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from wildact.detect import WindowSettings
from wildact.detect.fgfa import FeatureWindow
from wildact.detect.fgfa.warp import compose
from wildact.errors import UsageError

LONG = 40


def stream_detections(detector, frames, *, wanted=lambda frame: True, **settings):
    """Stream frames through a detector with other settings, e.g. ``window``."""
    return replace(detector, **settings).stream(frames, wanted=wanted)


def resize(detector, image):
    return detector.model.transform.resize(detector.to_tensor(image))[0]


class WholeClip:
    """All frames in memory at once, windows one by one: the plain way."""

    def __init__(self, detector, frames):
        self.model, self.frames = detector.model, frames
        with torch.inference_mode():
            tensors = [resize(detector, frame.image) for frame in frames]
            self.encoded = [self.model.encode([tensor]) for tensor in tensors]

    def chain(self, a, b):
        direction = 1 if b > a else -1
        flow = self.model.find_flow(self.encoded[a], self.encoded[a + direction])
        for k in range(a + direction, b, direction):
            flow = compose(flow, self.model.find_flow(self.encoded[k], self.encoded[k + direction]))
        return flow

    def aggregate(self, current, length, settings):
        others = [
            other
            for other in range(length)
            if 0 < abs(other - current) <= settings.radius and (abs(other - current) - 1) % settings.step == 0
        ]
        with torch.inference_mode():
            flows = [self.chain(current, other) for other in others]
            return self.model.aggregate(self.encoded[current], [self.encoded[k] for k in others], flows)


@pytest.fixture(scope="module")
def clip(video_detector, moving_frames):
    return WholeClip(video_detector, moving_frames(LONG))


@pytest.fixture
def seen_by_heads(video_detector):
    """The features that are looked at, one pyramid for each frame."""
    seen = []
    hook = video_detector.model.rpn.register_forward_pre_hook(lambda _, inputs: seen.append(dict(inputs[1])))
    yield seen
    hook.remove()


def assert_same(found, expected):
    assert len(found) == len(expected)
    assert found.labels.tolist() == expected.labels.tolist()
    assert np.allclose(found.scores, expected.scores, atol=1e-4)
    assert np.allclose(found.boxes, expected.boxes, atol=1e-2)


def assert_same_maps(maps, expected):
    assert list(maps) == list(expected)
    assert all(torch.allclose(maps[name], expected[name], atol=1e-4) for name in expected)


@contextmanager
def counting(module, name):
    """Counts what a module's method is called with, by the number of pictures in its first argument."""
    calls, original = [], getattr(module, name)

    def counted(*args):
        calls.append(len(args[0]))
        return original(*args)

    object.__setattr__(module, name, counted)
    try:
        yield calls
    finally:
        object.__delattr__(module, name)


@pytest.mark.parametrize(("radius", "step"), [(1, 1), (2, 2), (4, 1), (10, 3)])
def test_the_stream_equals_the_whole_clip_also_where_the_window_is_longer(
    clip, video_detector, seen_by_heads, radius, step
):
    settings = WindowSettings(radius=radius, step=step)
    for length in sorted({1, 2, radius, 2 * radius + 1}):
        seen_by_heads.clear()
        found = stream_detections(video_detector, iter(clip.frames[:length]), window=settings)
        assert [frame.index for frame, _ in found] == list(range(length))
        for current, features in enumerate(seen_by_heads):
            assert_same_maps(features, clip.aggregate(current, length, settings))


def test_a_long_stream_equals_the_whole_clip(clip, video_detector, seen_by_heads):
    settings = WindowSettings(radius=5, step=2)
    found = stream_detections(video_detector, iter(clip.frames), window=settings)
    assert [frame.index for frame, _ in found] == list(range(LONG))
    for current in [*range(0, LONG, 9), LONG - 2, LONG - 1]:
        assert_same_maps(seen_by_heads[current], clip.aggregate(current, LONG, settings))


def test_a_window_of_direct_neighbours_is_what_the_network_is_trained_on(clip, video_detector):
    """`forward` finds each flow directly, the stream joins those of neighbours: here they are the same."""
    stream = stream_detections(video_detector, iter(clip.frames[:6]), window=WindowSettings(radius=1))
    for frame, found in stream:
        around = [k for k in (frame.index, frame.index - 1, frame.index + 1) if 0 <= k < 6]
        tensors = [resize(video_detector, clip.frames[k].image) for k in around]
        with torch.inference_mode():
            (expected,) = video_detector.model([torch.stack(tensors)])
        assert len(found) == len(expected["boxes"]) > 0
        assert np.allclose(found.boxes, expected["boxes"], atol=1e-2)
        assert np.allclose(found.scores, expected["scores"], atol=1e-4)


def test_without_neighbours_it_is_the_detector_of_single_frames(clip, single_detector, video_detector):
    """Also for a window of no other frame, and for frames given one at a time."""
    frames = clip.frames[:4]
    expected = [single_detector(frame.image) for frame in frames]
    alone = stream_detections(video_detector, frames, window=WindowSettings(radius=0))
    for (_, found), by_itself, wanted in zip(
        alone, [video_detector(frame.image) for frame in frames], expected, strict=True
    ):
        assert_same(found, wanted)
        assert_same(by_itself, wanted)


def test_equal_frames_give_exactly_what_each_gives_alone(video_detector, single_detector, moving_frames):
    frames = moving_frames(5, still=True)
    expected = single_detector(frames[0].image)
    for _, found in stream_detections(video_detector, frames):
        assert_same(found, expected)


def test_features_are_computed_once_and_so_is_the_flow_between_neighbouring_frames(
    video_detector, moving_frames
):
    with (
        counting(video_detector.model.backbone, "forward") as seen,
        counting(video_detector.model.flow, "forward") as flows,
    ):
        list(stream_detections(video_detector, moving_frames(15), window=WindowSettings(radius=4, step=1)))
    assert sum(seen) == 15
    assert sum(flows) == 2 * 14


def test_frames_come_out_as_soon_as_their_window_is_complete(video_detector, moving_frames):
    drawn = []

    def source():
        for frame in moving_frames(20):
            drawn.append(frame.index)
            yield frame

    stream = stream_detections(video_detector, source(), window=WindowSettings(radius=5))
    ahead = [drawn[-1] - frame.index for frame, _ in stream]
    assert ahead == [5] * 15 + [4, 3, 2, 1, 0]


def test_nothing_leaks_from_one_video_or_size_to_the_next(video_detector, moving_frames):
    settings = WindowSettings(radius=2)
    first, second = moving_frames(6, seed=1), moving_frames(6, seed=2)
    large = moving_frames(4, size=(128, 192), seed=3, start=6)
    alone = [list(stream_detections(video_detector, part, window=settings)) for part in (second, large)]
    unfinished = stream_detections(video_detector, first, window=settings)
    next(unfinished)
    both = list(stream_detections(video_detector, [*second, *large], window=settings))
    assert [frame.index for frame, _ in both] == list(range(10))
    for (_, found), (_, expected) in zip(both, [*alone[0], *alone[1]], strict=True):
        assert_same(found, expected)


def test_frames_that_only_help(clip, video_detector, single_detector):
    settings = WindowSettings(radius=2, step=1)
    frames = clip.frames[:13]
    everything = {f.index: d for f, d in stream_detections(video_detector, frames, window=settings)}
    stream = stream_detections(
        video_detector, frames, window=settings, wanted=lambda frame: frame.index % 4 == 3
    )
    found = list(stream)
    assert [frame.index for frame, _ in found] == [3, 7, 11]
    for frame, detections in found:
        assert_same(detections, everything[frame.index])
    with counting(single_detector.model.backbone, "forward") as seen:
        alone = list(stream_detections(single_detector, frames, wanted=lambda frame: frame.index % 4 == 3))
    assert [frame.index for frame, _ in alone] == [3, 7, 11]
    assert sum(seen) == 3


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_a_detector_of_single_frames_streams_too(single_detector, moving_frames, batch_size):
    frames = moving_frames(5)
    expected = [single_detector(frame.image) for frame in frames]
    stream = list(stream_detections(single_detector, iter(frames), batch_size=batch_size))
    assert [frame.index for frame, _ in stream] == [0, 1, 2, 3, 4]
    for (_, found), wanted in zip(stream, expected, strict=True):
        assert_same(found, wanted)
    assert list(stream_detections(single_detector, [])) == []


def test_no_frames_give_nothing(video_detector):
    assert list(stream_detections(video_detector, [])) == []


@pytest.mark.parametrize("bad", [{"radius": -1}, {"step": 0}])
def test_windows_that_make_no_sense_are_refused(bad):
    with pytest.raises(UsageError):
        WindowSettings(**bad)


def test_what_is_kept_does_not_grow(video_detector, moving_frames):
    window = FeatureWindow(video_detector.model, WindowSettings(radius=3, step=1))
    kept = []
    with torch.inference_mode():
        for shown in moving_frames(20):
            image = resize(video_detector, shown.image)
            window.push(image)
            window.aggregate(max(0, window.pushed - 4))
            flows = [flow for pair in window._flows if pair for flow in pair]
            frames = [
                t for f in window._frames for t in (*f.features.values(), *f.embeddings.values(), f.pictures)
            ]
            kept.append(sum(tensor.numel() for tensor in (*flows, *frames)))
    assert max(kept) == kept[6] + 2 * flows[0].numel() == kept[-1]  # full after seven frames
