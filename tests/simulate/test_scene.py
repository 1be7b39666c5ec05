"""Scenes: perspective, depth, and pictures that differ from site to site."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildact.simulate.habitats import HABITATS, Habitat
from wildact.simulate.layers import overlap, paste
from wildact.simulate.painter import WALL_M
from wildact.simulate.scene import build_scene
from wildact.simulate.view import View


@pytest.mark.parametrize("habitat", HABITATS, ids=lambda habitat: habitat.name)
def test_every_habitat_gives_a_textured_picture_with_depth(habitat: Habitat) -> None:
    scene = build_scene(160, 90, habitat, np.random.default_rng(7))
    assert scene.albedo.shape == (90, 160, 3)
    assert scene.albedo[45:].astype(float).std() > 8
    assert scene.depth.max() <= WALL_M
    assert scene.depth[-1].max() < 5 < scene.far_m
    assert [p.z for p in scene.plants] == sorted((p.z for p in scene.plants), reverse=True)


def test_a_camera_always_sees_the_same_and_another_something_else() -> None:
    first, same, other = (build_scene(96, 54, HABITATS[0], np.random.default_rng(k)) for k in (1, 1, 2))
    assert np.array_equal(first.albedo, same.albedo)
    assert np.abs(first.albedo.astype(int) - other.albedo.astype(int)).mean() > 10


def test_what_stands_in_front_hides_what_is_behind() -> None:
    scene = build_scene(160, 90, HABITATS[2], np.random.default_rng(3))
    rows, columns = np.nonzero(scene.cover[20:40] < 9)
    z = 11.0
    x = (columns[0] - 80) * z / scene.view.focal_px
    ground = scene.view.project(x, z)[1]
    height = (ground - (rows[0] + 20)) / scene.view.px_per_m(z)
    assert scene.hides(x, z, height)
    nearer = 0.5 * float(scene.cover[rows[0] + 20, columns[0]])
    x = (columns[0] + 0.5 - 80) * nearer / scene.view.focal_px
    height = (scene.view.project(x, nearer)[1] - (rows[0] + 20.5)) / scene.view.px_per_m(nearer)
    assert not scene.hides(x, nearer, height)  # the same pixel, in front of what stands there


@given(x=st.floats(-3, 3), z=st.floats(2.5, 15), slope=st.floats(-0.05, 0.05))
def test_ground_coordinates_invert_the_projection(x: float, z: float, slope: float) -> None:
    view = View(width=320, height=180, focal_px=330, horizon_px=60, height_m=0.9, slope=slope)
    column, row = view.project(x, z)
    if not (0 <= column < 319 and 0 <= row < 179):
        return
    xs, zs = view.ground_coordinates(WALL_M)
    k, j = round(row), round(column)
    assert zs[min(k, 179), min(j, 319)] == pytest.approx(z, rel=0.08)
    assert xs[min(k, 179), min(j, 319)] == pytest.approx(x, abs=0.12)


def test_paste_blends_by_alpha_and_is_cut_off_at_the_border() -> None:
    image = np.full((4, 6, 3), 100, np.uint8)
    patch = np.zeros((3, 3, 4), np.uint8)
    patch[..., 3], patch[..., 0] = 128, 128
    paste(image, patch, 4, -1)
    assert image[0, 4].tolist() == [178, 50, 50]
    assert (image[2:] == 100).all()
    assert (image[:, :4] == 100).all()
    assert overlap(3, 3, 6, 0, 6, 4) is None
