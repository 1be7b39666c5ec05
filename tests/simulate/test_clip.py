"""What is drawn, and what of it counts as visible."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import numpy as np
import pytest

from wildact.masks import decode_mask, mask_area
from wildact.simulate.animals import ACTIONS, Animal
from wildact.simulate.banner import Banner, draw_banner
from wildact.simulate.behaviour import Plan
from wildact.simulate.camera import draw_look
from wildact.simulate.clip import Actor, SimulatedFrame, Weather, simulate_clip
from wildact.simulate.habitats import HABITATS
from wildact.simulate.scene import Scene, build_scene
from wildact.simulate.sign import Sign
from wildact.types import Light

WIDTH, HEIGHT, DEPTH_M = 320, 180, 6.0
CALM = Weather(wind=0.0, gusts_hz=0.2, cloud=0.0, cloud_s=0.0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A site from which everything that could hide an animal was taken away."""
    built = build_scene(WIDTH, HEIGHT, HABITATS[0], np.random.default_rng(1))
    return replace(built, plants=(), cover=np.full_like(built.cover, np.inf))


def standing(track_id: int, z: float, species: str = "red deer") -> Actor:
    """An animal that stands sideways in the middle of the picture, watching."""
    steps = 60
    action = np.full(steps, ACTIONS.index("vigilant"))
    plan = Plan(
        position=np.tile([0.0, z], (steps, 1)),
        heading=np.zeros(steps),
        phase=np.zeros(steps),
        action=action,
        before=action,
        since_s=np.full(steps, 9.0),
    )
    return Actor(track_id, Animal(species, np.random.default_rng(5)), plan)


def first_frame(
    scene: Scene,
    *actors: Actor,
    light: Light = "day",
    banner: Banner | None = None,
    sign: Sign | None = None,
) -> SimulatedFrame:
    rng = np.random.default_rng(2)
    look = draw_look(scene, light, rng)
    banner = banner or replace(draw_banner("C1", rng), style="plain")
    when = datetime(2024, 5, 1, 12)
    clip = simulate_clip(
        scene, look, actors, CALM, banner,
        sign=sign, start=when, celsius=9, frames=1, fps=Fraction(25), rng=rng,
    )  # fmt: skip
    return next(clip)


def test_the_mask_is_where_the_picture_changes(scene: Scene) -> None:
    empty, shown = first_frame(scene), first_frame(scene, standing(1, DEPTH_M))
    mask = decode_mask(shown.visible[1])
    change = np.abs(shown.image.astype(int) - empty.image.astype(int)).max(axis=2)
    far_off = np.ones_like(mask)
    rows, columns = np.nonzero(mask)
    far_off[rows.min() - 2 : rows.max() + 30, columns.min() - 60 : columns.max() + 60] = False
    assert empty.visible == {}
    assert np.median(change[mask]) > 8
    assert change[far_off].max() == 0  # around it lies its shadow


def test_a_trunk_in_front_takes_its_pixels_out_of_the_mask(scene: Scene) -> None:
    whole = mask_area(first_frame(scene, standing(1, DEPTH_M)).visible[1])
    cover = scene.cover.copy()
    cover[:, WIDTH // 2 :] = DEPTH_M - 1
    half = first_frame(replace(scene, cover=cover), standing(1, DEPTH_M)).visible[1]
    assert 0 < mask_area(half) < 0.8 * whole
    assert not decode_mask(half)[:, WIDTH // 2 :].any()


def test_an_animal_wholly_behind_a_trunk_is_absent(scene: Scene) -> None:
    nearer, farther = (np.full_like(scene.cover, DEPTH_M + d) for d in (-1, 1))
    assert first_frame(replace(scene, cover=nearer), standing(1, DEPTH_M)).visible == {}
    assert set(first_frame(replace(scene, cover=farther), standing(1, DEPTH_M)).visible) == {1}


def test_the_nearer_animal_hides_the_farther(scene: Scene) -> None:
    alone = decode_mask(first_frame(scene, standing(2, 9.0)).visible[2])
    both = first_frame(scene, standing(1, 5.0), standing(2, 9.0)).visible
    near, far = decode_mask(both[1]), decode_mask(both[2])
    assert not (near & far).any()
    assert far.sum() < alone.sum()
    assert not (far & ~alone).any()


def test_a_plant_in_front_hides_too(scene: Scene) -> None:
    built = build_scene(WIDTH, HEIGHT, HABITATS[0], np.random.default_rng(1))
    plant = built.plants[0]
    wall = replace(
        plant, rgba=np.full((HEIGHT, 60, 4), 255, np.uint8), left=WIDTH // 2, top=0, z=3.0, sway=0.0
    )
    half = first_frame(replace(scene, plants=(wall,)), standing(1, DEPTH_M)).visible[1]
    hidden = decode_mask(half)[:, WIDTH // 2 : WIDTH // 2 + 60]
    assert not hidden.any()
    behind = replace(wall, z=12.0)
    assert mask_area(
        first_frame(replace(scene, plants=(behind,)), standing(1, DEPTH_M)).visible[1]
    ) > mask_area(half)


def test_the_banner_covers_what_lies_under_it(scene: Scene) -> None:
    bar = replace(draw_banner("C1", np.random.default_rng(0)), style="black bar")
    near = standing(1, 2.2)
    rows = bar.rows(HEIGHT)
    assert decode_mask(first_frame(scene, near).visible[1])[rows].any()
    assert not decode_mask(first_frame(scene, near, banner=bar).visible[1])[rows].any()


def test_a_sign_covers_what_lies_under_it(scene: Scene) -> None:
    near = standing(1, DEPTH_M)
    whole = decode_mask(first_frame(scene, near).visible[1])
    rows, columns = np.nonzero(whole)
    sign = Sign(np.full((12, 16, 4), 255, np.uint8), int(np.median(columns)) - 8, int(np.median(rows)) - 6)
    shown = first_frame(scene, near, sign=sign)
    under = sign.cover(HEIGHT, WIDTH)
    assert under.sum() == 12 * 16
    assert (whole & under).any()
    assert np.array_equal(decode_mask(shown.visible[1]), whole & ~under)
    assert (shown.image[under] == 255).all()


@pytest.mark.parametrize(("light", "low", "high"), [("day", 70, 160), ("dusk", 35, 95), ("ir", 30, 110)])
def test_each_light_is_exposed_as_cameras_do(scene: Scene, light: Light, low: int, high: int) -> None:
    image = first_frame(scene, light=light).image.astype(int)
    assert low < image.mean() < high
    assert ((image.max(axis=2) == image.min(axis=2)).all()) == (light == "ir")


def test_eyes_shine_under_the_lamp(scene: Scene) -> None:
    actor = standing(1, 8.0)
    facing = Actor(1, actor.animal, replace(actor.plan, heading=np.full(60, -np.pi / 2)))
    shown = first_frame(scene, facing, light="ir")
    inside = shown.image[decode_mask(shown.visible[1])].astype(int).max(axis=1)
    assert inside.max() > 235
    assert (inside > 225).mean() < 0.2
