"""A stream of frames gives what the whole clip gives, for every window, length and mode."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from wildact.detect import WindowSettings, predict_detections, stream_detections
from wildact.detect import stream as stream_module
from wildact.detect.aggregate import aggregate_maps
from wildact.detect.cells import LEVELS, subsample
from wildact.detect.predict import make_batch, prepare_images, run_heads, to_detections
from wildact.detect.warp import compose, resize_to_levels
from wildact.detect.window import FeatureWindow
from wildact.errors import UsageError

LONG = 100


class WholeClip:
    """All frames in memory at once, windows one by one, warps by maps: the plain way."""

    def __init__(self, detector, frames):
        self.detector, self.model, self.frames = detector, detector.model, frames
        self.features, self.images, self.flows = [], [], {}
        with torch.inference_mode():
            for frame in frames:
                tensors, self.sizes = prepare_images(detector, [frame.image])
                self.batch = make_batch(detector, tensors)
                self.features.append(self.model.backbone(self.batch))
                padded = tuple(self.batch.shape[-2:])
                self.images.append(self.model.prepare_flow(tensors[0][None], padded))
            self.embeddings = [self.model.embed(features) for features in self.features]
        self.grid = [tuple(self.features[0][name].shape[-2:]) for name in LEVELS]

    def pair(self, a, b):
        if (a, b) not in self.flows:
            self.flows[a, b] = self.model.find_flow(self.images[a], self.images[b], self.grid[0])
        return self.flows[a, b]

    def chain(self, a, b):
        direction = 1 if b > a else -1
        flow = self.pair(a, a + direction)
        for k in range(a + direction, b, direction):
            flow = compose(flow, self.pair(k, k + direction))
        return flow

    def aggregate(self, current, length, settings):
        find = self.pair if settings.flow == "pairwise" else self.chain
        others = [
            other
            for other in range(length)
            if 0 < abs(other - current) <= settings.radius and (abs(other - current) - 1) % settings.step == 0
        ]
        with torch.inference_mode():
            maps = dict(self.features[current])
            if others:
                flows = [find(current, other) for other in others]
                levels = zip(*(resize_to_levels(flow, self.grid) for flow in flows), strict=True)
                for name, level in zip(LEVELS, levels, strict=True):
                    window = [self.features[k][name] for k in (current, *others)]
                    keys = [self.embeddings[k][name] for k in (current, *others)]
                    stacked = (torch.stack(x, dim=1) for x in (window, keys, level))
                    maps[name] = aggregate_maps(*stacked)
                maps["pool"] = subsample(maps["3"])
        return maps

    def detect(self, current, length, settings):
        with torch.inference_mode():
            maps = self.aggregate(current, length, settings)
            (output,) = run_heads(self.model, maps, self.batch.shape, self.sizes)
        image = self.frames[current].image
        return to_detections(output, self.sizes[0], image.shape[:2], self.detector.keep)


@pytest.fixture(scope="module")
def clip(video_detector, moving_frames):
    return WholeClip(video_detector, moving_frames(LONG))


def assert_same(found, expected):
    assert len(found) == len(expected)
    assert found.labels.tolist() == expected.labels.tolist()
    assert np.allclose(found.scores, expected.scores, atol=1e-4)
    assert np.allclose(found.boxes, expected.boxes, atol=1e-2)


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


@pytest.fixture
def seen_by_heads(monkeypatch):
    """The features that reach the heads, one pyramid for each frame; the heads themselves find nothing."""
    seen = []

    def note(model, features, shape, sizes):
        nothing = {"boxes": (0, 4), "scores": (0,), "labels": (0,), "masks": (0, 1, 28, 28)}
        seen.extend(
            {name: maps[k : k + 1].clone() for name, maps in features.items()} for k in range(len(sizes))
        )
        return [{name: torch.zeros(shape) for name, shape in nothing.items()} for _ in sizes]

    monkeypatch.setattr(stream_module, "run_heads", note)
    return seen


@pytest.mark.parametrize("flow", ["chained", "pairwise"])
@pytest.mark.parametrize(
    ("radius", "step", "batch_size"), [(1, 1, 1), (2, 1, 3), (2, 2, 1), (10, 1, 1), (10, 2, 4)]
)
def test_the_stream_equals_the_whole_clip(
    clip, video_detector, seen_by_heads, flow, radius, step, batch_size
):
    settings = WindowSettings(radius=radius, step=step, flow=flow)
    for length in sorted({1, 2, radius, 2 * radius + 1}):
        seen_by_heads.clear()
        frames = iter(clip.frames[:length])
        found = stream_detections(video_detector, frames, window=settings, batch_size=batch_size)
        assert [frame.index for frame, _ in found] == list(range(length))
        for current, features in enumerate(seen_by_heads):
            expected = clip.aggregate(current, length, settings)
            assert all(torch.allclose(features[k], expected[k], atol=1e-4) for k in expected)


@pytest.mark.parametrize("flow", ["chained", "pairwise"])
@pytest.mark.parametrize(("radius", "step"), [(3, 1), (10, 1), (10, 3)])
def test_a_long_stream_equals_the_whole_clip(clip, video_detector, seen_by_heads, flow, radius, step):
    settings = WindowSettings(radius=radius, step=step, flow=flow)
    found = stream_detections(video_detector, iter(clip.frames), window=settings, batch_size=7)
    assert [frame.index for frame, _ in found] == list(range(LONG))
    for current in [*range(0, LONG, 11), LONG - 2, LONG - 1]:
        expected = clip.aggregate(current, LONG, settings)
        features = seen_by_heads[current]
        assert all(torch.allclose(features[k], expected[k], atol=1e-4) for k in expected)


def test_what_is_found_is_what_the_heads_find_in_these_features(clip, video_detector):
    settings = WindowSettings(radius=4)
    stream = stream_detections(video_detector, iter(clip.frames[:12]), window=settings, batch_size=5)
    for frame, found in stream:
        assert len(found)
        assert_same(found, clip.detect(frame.index, 12, settings))


def test_without_neighbours_it_is_the_detector_of_single_frames(clip, single_detector, video_detector):
    """Also for a window of no other frame, and for frames given one at a time."""
    frames = clip.frames[:4]
    expected = predict_detections(single_detector, [frame.image for frame in frames])
    alone = stream_detections(video_detector, frames, window=WindowSettings(radius=0))
    for (_, found), by_itself, wanted in zip(
        alone, predict_detections(video_detector, [frame.image for frame in frames]), expected, strict=True
    ):
        assert_same(found, wanted)
        assert_same(by_itself, wanted)


@pytest.mark.parametrize("still", [0.0, 1.0])
def test_equal_frames_give_exactly_what_each_gives_alone(
    video_detector, single_detector, moving_frames, still
):
    frames = moving_frames(5, still=True)
    (expected,) = predict_detections(single_detector, [frames[0].image])
    with counting(video_detector.model.flow, "forward") as flows:
        for _, found in stream_detections(video_detector, frames, window=WindowSettings(still=still)):
            assert_same(found, expected)
    assert (len(flows) == 0) == bool(still)  # where nothing changes, nobody looks for what moved


def test_what_stands_still_keeps_its_own_features_and_what_moves_does_not(
    video_detector, moving_frames, seen_by_heads
):
    ground = moving_frames(1, still=True)[0].image
    frames = []
    for k, frame in enumerate(moving_frames(5)):
        image = ground.copy()
        image[10:30, 6 + 4 * k : 26 + 4 * k] = 255
        frames.append(type(frame)(frame.index, frame.time, image))
    for settings in (WindowSettings(), WindowSettings(still=6.0), WindowSettings(radius=0)):
        list(stream_detections(video_detector, frames, window=settings))
    everywhere, moving, alone = (seen_by_heads[5 * k + 2]["0"] for k in range(3))
    changed = (moving != alone).any(dim=1)[0]
    assert changed[3:6, 4:10].all()  # the block moves over pixels 6 to 42, which are cells 1 to 10
    assert not changed[12:, 14:].any()
    assert torch.allclose(moving[..., changed], everywhere[..., changed], atol=1e-5)


def test_features_are_computed_once_and_so_is_the_flow_between_neighbouring_frames(
    video_detector, moving_frames, seen_by_heads
):
    frames = moving_frames(30)
    for batch_size in (1, 4):
        settings = WindowSettings(radius=4, step=1)
        with (
            counting(video_detector.model.backbone, "forward") as seen,
            counting(video_detector.model.flow, "forward") as flows,
        ):
            list(stream_detections(video_detector, frames, window=settings, batch_size=batch_size))
        assert sum(seen) == 30
        assert sum(flows) == 2 * 29


@pytest.mark.parametrize("batch_size", [1, 3])
def test_frames_come_out_as_soon_as_their_window_is_complete(
    video_detector, moving_frames, seen_by_heads, batch_size
):
    drawn = []

    def source():
        for frame in moving_frames(20):
            drawn.append(frame.index)
            yield frame

    stream = stream_detections(
        video_detector, source(), window=WindowSettings(radius=5), batch_size=batch_size
    )
    ahead = [drawn[-1] - frame.index for frame, _ in stream]
    assert max(ahead) <= 5 + batch_size - 1 + (batch_size > 1)
    assert ahead[0] >= 5


def test_nothing_leaks_from_one_video_or_size_to_the_next(video_detector, moving_frames):
    settings = WindowSettings(radius=2)
    first, second = moving_frames(6, seed=1), moving_frames(6, seed=2)
    large = moving_frames(4, size=(128, 192), seed=3, start=6)
    alone = [list(stream_detections(video_detector, part, window=settings)) for part in (second, large)]
    list(stream_detections(video_detector, first, window=settings))
    unfinished = stream_detections(video_detector, first, window=settings)
    next(unfinished)
    both = list(stream_detections(video_detector, [*second, *large], window=settings))
    assert [frame.index for frame, _ in both] == list(range(10))
    for (_, found), (_, expected) in zip(both, [*alone[0], *alone[1]], strict=True):
        assert_same(found, expected)


def test_frames_that_only_help(clip, video_detector, single_detector):
    settings = WindowSettings(radius=2, step=1)

    def wanted(frame):
        return frame.index % 4 == 3

    stream = stream_detections(video_detector, clip.frames[:13], window=settings, batch_size=2, wanted=wanted)
    found = list(stream)
    assert [frame.index for frame, _ in found] == [3, 7, 11]
    for frame, detections in found:
        assert_same(detections, clip.detect(frame.index, 13, settings))
    with counting(single_detector.model.backbone, "forward") as seen:
        alone = list(stream_detections(single_detector, clip.frames[:13], wanted=wanted))
    assert [frame.index for frame, _ in alone] == [3, 7, 11]
    assert sum(seen) == 3


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_a_detector_of_single_frames_streams_too(single_detector, moving_frames, batch_size):
    frames = moving_frames(5)
    expected = predict_detections(single_detector, [frame.image for frame in frames])
    stream = list(stream_detections(single_detector, iter(frames), batch_size=batch_size))
    assert [frame.index for frame, _ in stream] == [0, 1, 2, 3, 4]
    for (_, found), wanted in zip(stream, expected, strict=True):
        assert_same(found, wanted)
    assert list(stream_detections(single_detector, [])) == []


def test_no_frames_give_nothing(video_detector):
    assert list(stream_detections(video_detector, [])) == []


@pytest.mark.parametrize("bad", [{"radius": -1}, {"step": 0}, {"still": -1.0}, {"flow": "guessed"}])
def test_windows_that_make_no_sense_are_refused(bad):
    with pytest.raises(UsageError):
        WindowSettings(**bad)


@pytest.mark.parametrize("flow", ["chained", "pairwise"])
def test_what_is_kept_does_not_grow(video_detector, moving_frames, flow):
    settings = WindowSettings(radius=3, step=1, flow=flow, still=1.0)
    window = FeatureWindow(video_detector.model, settings, spare=1)
    kept = []
    with torch.inference_mode():
        for pair in np.array(moving_frames(24), object).reshape(-1, 2):
            tensors, _ = prepare_images(video_detector, [frame.image for frame in pair])
            window.push(make_batch(video_detector, tensors), tensors)
            window.aggregate([max(0, window.pushed - 4), max(0, window.pushed - 5)])
            tables = (window.features, window.embeddings, window.grey)
            kept.append(sum(t.numel() for t in (*tables, *window._images.values(), *window._flows.values())))
    assert max(kept) == max(kept[4:8])  # full after eight frames
    assert window.features.shape[0] == 8
