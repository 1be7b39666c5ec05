from dataclasses import replace

import numpy as np
import pytest
import torch

from wildact.recognize.context import (
    LARGEST,
    STEP_S,
    USUAL,
    TrackContext,
    add_context,
    correct_scores,
    describe_movement,
    split_track,
)
from wildact.types import ActionScores, Track

TIMES_S = np.arange(60) / 10
NAMES = list(USUAL)


def make_track(*, speed_px_s=0.0, width=40.0, height=20.0, grow=0.0, scale=1.0, frames=None):
    """A box that moves to the right from x = 100."""
    frames = np.arange(60) if frames is None else np.asarray(frames)
    seconds = TIMES_S[frames]
    half = np.stack([np.full(len(frames), width), height * np.exp(grow * seconds)], axis=1) / 2
    middle = np.stack([100 + speed_px_s * seconds, np.full(len(frames), 80.0)], axis=1)
    boxes = np.concatenate([middle - half, middle + half], axis=1) * scale
    return Track(
        track_id=3, label="red deer", label_score=1.0, frames=frames, boxes=boxes.astype(np.float32),
        scores=np.ones(len(frames), np.float32), masks=(None,) * len(frames),
    )  # fmt: skip


def make_scores(clips=9, seed=0):
    starts = np.arange(clips) * 0.5
    scores = np.random.default_rng(seed).dirichlet(np.ones(3), clips).astype(np.float32)
    return ActionScores(3, ("walking", "resting", "grazing"), starts, starts + 1.0, scores)


def describe(track, at_s=3.0, height=240):
    """What is said of one moment, by name, in plain units."""
    row = describe_movement(track, TIMES_S, np.array([at_s]), height)[0]
    assert row.shape == (len(USUAL),)
    return {name: value * USUAL[name][1] + USUAL[name][0] for name, value in zip(NAMES, row, strict=True)}


def test_movement_is_told_in_sizes_per_second():
    said = describe(make_track(speed_px_s=20, width=40, height=40))
    assert said["sideways"] == said["sideways_1s"] == pytest.approx(0.5, abs=1e-3)
    assert said["way_sideways"] == pytest.approx(0.5, abs=1e-3)
    assert said["down"] == said["growth"] == said["way_down"] == pytest.approx(0, abs=1e-3)
    assert said["height_to_width"] == pytest.approx(0, abs=1e-3)
    assert said["height_to_frame"] == pytest.approx(np.log(40 / 240), abs=1e-3)


def test_going_to_and_fro_is_a_way_without_speed():
    track = make_track(width=40, height=40)
    sway = 4 * np.sin(2 * np.pi * np.arange(60) / 5)[:, None]  # two times a second
    said = describe(replace(track, boxes=(track.boxes + sway * [1, 0, 1, 0]).astype(np.float32)))
    assert said["sideways_1s"] < 0.05
    assert said["way_sideways"] > 0.5


def test_what_lies_down_gets_lower_than_it_was():
    said = describe(make_track(grow=-0.2, height=60))
    assert said["growth"] == pytest.approx(-0.1, abs=1e-2)  # of height -0.2, of width 0
    assert said["height_to_highest"] == pytest.approx(-0.6, abs=1e-2)
    assert said["width_to_widest"] == pytest.approx(0, abs=1e-3)


def test_neither_the_size_of_the_picture_nor_left_and_right_nor_gaps_matter():
    track = make_track(speed_px_s=15, grow=-0.1)
    said = describe_movement(track, TIMES_S, TIMES_S[5:50:5], 240)
    larger = describe_movement(make_track(speed_px_s=15, grow=-0.1, scale=3), TIMES_S, TIMES_S[5:50:5], 720)
    np.testing.assert_allclose(said, larger, atol=1e-3)
    mirrored = 640 - track.boxes[:, [2, 1, 0, 3]]
    mirrored[:, [1, 3]] = track.boxes[:, [1, 3]]
    left = describe_movement(replace(track, boxes=mirrored), TIMES_S, TIMES_S[5:50:5], 240)
    np.testing.assert_allclose(said, left, atol=1e-3)
    gappy = make_track(speed_px_s=15, grow=-0.1, frames=[*range(20), *range(30, 60)])
    np.testing.assert_allclose(said, describe_movement(gappy, TIMES_S, TIMES_S[5:50:5], 240), atol=0.05)


def test_boxes_that_jump_say_no_more_than_the_largest():
    track = make_track(speed_px_s=1000)
    assert np.abs(describe_movement(track, TIMES_S, TIMES_S, 240)).max() == LARGEST


def test_moments_cover_the_track_evenly():
    moments, scores = split_track(make_scores(), make_track(frames=range(51)), TIMES_S)
    np.testing.assert_allclose(np.diff(moments), STEP_S)
    assert (moments[0], moments[-1]) == pytest.approx((STEP_S / 2, 5 - STEP_S / 2))
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_untrained_it_changes_nothing():
    track, scores = make_track(), make_scores()
    moments, before = split_track(scores, track, TIMES_S)
    after = add_context(TrackContext(3).eval(), scores, track, TIMES_S, 240)
    np.testing.assert_allclose((after.start_s + after.end_s) / 2, moments)
    np.testing.assert_allclose(after.scores, before, atol=2e-3)  # no probability is below LEAST_PROBABLE
    assert (after.track_id, after.classes) == (scores.track_id, scores.classes)


def test_a_track_of_one_frame_has_one_moment():
    after = add_context(TrackContext(3).eval(), make_scores(1), make_track(frames=[7]), TIMES_S, 240)
    assert after.scores.shape == (1, 3)
    assert np.isfinite(after.scores).all()


def test_it_learns_to_tell_by_movement_and_by_what_was_before():
    """Scores that say nothing: what goes fast walks; what stands rests, but grazes within 2 s of walking."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)

    def draw():
        fast = np.zeros(20, bool)
        fast[(start := rng.integers(0, 16)) : start + 4] = True
        movement = np.zeros((20, len(USUAL)), np.float32)
        movement[:, NAMES.index("sideways")] = fast * 2.0 + rng.normal(0, 0.1, 20)
        near = np.convolve(fast, np.ones(9), "same") > 0
        labels = np.where(fast, 0, np.where(near, 2, 1))
        return np.full((20, 3), 1 / 3, np.float32), movement, labels

    model = TrackContext(3, width=16, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        scores, movement, labels = draw()
        logits = model(torch.from_numpy(scores), torch.from_numpy(movement))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = [
        (correct_scores(model.eval(), scores, movement).argmax(axis=1) == labels).mean()
        for scores, movement, labels in (draw() for _ in range(20))
    ]
    assert np.mean(right) > 0.9
