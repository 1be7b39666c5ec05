import cv2
import numpy as np
import pytest

from wildact.errors import UsageError
from wildact.simulate.animals import ACTIONS, SPECIES, Animal, blend_poses, compute_pose


def render(species, action, *, phase=0.3, time_s=1.0, scale=80.0, heading=0.0, seed=0):
    animal = Animal(species, np.random.default_rng(seed))
    return animal.render(compute_pose(species, action, phase, time_s, 0.3), scale, heading)


def extent(sprite):
    """Top, bottom, left and right of what is drawn."""
    rows, columns = np.nonzero(sprite.alpha > 127)
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize("species", SPECIES)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_animal_is_one_body_that_stands_on_the_ground(species, action):
    for heading in (0.0, 2.2, -1.4):
        sprite = render(species, action, heading=heading, scale=120)
        solid = (sprite.alpha > 100).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(solid)
        assert stats[1:, cv2.CC_STAT_AREA].max() >= 0.9 * solid.sum()
        if action not in ("running", "walking"):
            assert abs(extent(sprite)[1] - sprite.anchor[1]) < 0.25 * 120


def test_the_scale_is_the_scale():
    small, large = (extent(render("red deer", "vigilant", scale=s)) for s in (60, 120))
    assert (large[1] - large[0]) / (small[1] - small[0]) == pytest.approx(2, abs=0.1)


def test_species_differ_in_size_and_individuals_do_too():
    heights = [
        np.mean([Animal(s, np.random.default_rng(i)).shoulder_height_m for i in range(9)]) for s in SPECIES
    ]
    assert heights == sorted(heights, reverse=True)
    sizes = {Animal("red fox", np.random.default_rng(i)).size for i in range(5)}
    assert len(sizes) == 5


def test_the_same_seed_is_the_same_animal():
    one, other, third = (render("wild boar", "walking", seed=s) for s in (4, 4, 5))
    assert np.array_equal(one.image, other.image)
    assert one.image.shape != third.image.shape or not np.array_equal(one.image, third.image)


@pytest.mark.parametrize("species", SPECIES)
def test_poses_are_told_apart_by_height(species):
    def top(action):
        sprite = render(species, action, scale=120)
        return sprite.anchor[1] - extent(sprite)[0]

    assert top("resting") < top("vigilant")
    assert top("grazing") < top("vigilant")


@pytest.mark.parametrize("action", ["walking", "running"])
def test_a_gait_repeats_and_moves_smoothly(action):
    def feet(phase):
        pose = compute_pose("red deer", action, phase, 0.0, 0.0)
        return np.array([pose.feet_x, pose.feet_y])

    assert np.allclose(feet(0.13), feet(4.13))
    steps = [np.abs(feet(p + 0.01) - feet(p)).max() for p in np.arange(0, 1, 0.01)]
    assert max(steps) < 0.08
    assert np.ptp([feet(p)[0, 0] for p in np.arange(0, 1, 0.05)]) > 0.3


def test_blending_goes_from_one_pose_to_the_other():
    a = compute_pose("red fox", "resting", 0, 0, 0)
    b = compute_pose("red fox", "vigilant", 0, 0, 0)
    assert blend_poses(a, b, 0.0) == a
    assert blend_poses(a, b, 1.0).fore_height == pytest.approx(b.fore_height)
    assert a.fore_height < blend_poses(a, b, 0.5).fore_height < b.fore_height


def test_eyes_show_from_the_front_and_not_from_behind():
    assert len(render("red deer", "vigilant", heading=-np.pi / 2).eyes) == 2
    assert len(render("red deer", "walking", heading=np.pi / 2).eyes) == 0
    sprite = render("red deer", "vigilant")
    for x, y in sprite.eyes:
        assert sprite.alpha[round(y), round(x)] > 0


def test_unknown_species_and_actions():
    with pytest.raises(UsageError, match="unicorn"):
        Animal("unicorn", np.random.default_rng(0))
    with pytest.raises(UsageError, match="flying"):
        compute_pose("red deer", "flying", 0, 0, 0)
