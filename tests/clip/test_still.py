from fractions import Fraction

import numpy as np

from wildact.clip import StillCutter, crop_box, plan_stills
from wildact.types import Frame, Track


def make_track(frames, *, scores=None, sides=None):
    n = len(frames)
    sides = np.full(n, 10.0) if sides is None else np.array(sides, float)
    boxes = np.stack([np.full(n, 20.0), np.full(n, 20.0), 20 + sides, 20 + sides], axis=1)
    scores = np.full(n, 0.9) if scores is None else scores
    return Track(
        7, "animal", 1.0, np.array(frames, np.int64), boxes.astype(np.float32), np.array(scores, np.float32),
        (None,) * n,
    )  # fmt: skip


def test_pictures_are_spread_over_the_track():
    plan = plan_stills(make_track(range(100)), count=10)
    assert len(plan.frames) == 10
    assert [frame // 10 for frame in plan.frames] == list(range(10))


def test_the_largest_and_surest_of_a_stretch_is_taken_and_no_interpolated_box():
    scores = [0.5, 0.9, 0.5, 0.5, np.nan, 0.5]
    plan = plan_stills(make_track(range(6), scores=scores, sides=[10, 10, 10, 10, 40, 30]), count=2)
    assert plan.frames == (1, 5)


def test_a_short_track_and_one_without_a_detection_give_pictures():
    assert plan_stills(make_track([4])).frames == (4,)
    assert len(plan_stills(make_track([1, 2], scores=[np.nan, np.nan])).frames) == 2


def test_pictures_are_cut_while_frames_pass():
    images = [np.full((60, 80, 3), 40 * k, np.uint8) for k in range(5)]
    frames = [Frame(k, Fraction(k), image) for k, image in enumerate(images)]
    cutter = StillCutter([plan_stills(make_track([1, 3]))], size=32, context=1.2)
    assert cutter.needed == {1, 3}
    assert [frame.index for frame in cutter.watch(frames)] == [0, 1, 2, 3, 4]
    assert [picture.shape for picture in cutter.pictures[7]] == [(32, 32, 3)] * 2
    assert [int(picture.mean()) for picture in cutter.pictures[7]] == [40, 120]


def test_a_crop_holds_the_box_and_its_surroundings():
    image = np.zeros((60, 80, 3), np.uint8)
    image[20:30, 20:40] = 255
    crop = crop_box(image, np.array([20, 20, 40, 30], np.float32), size=40, context=1.0)
    assert crop[20].mean() > 250  # the box spans the square's width
    assert crop[:8].mean() < 5
