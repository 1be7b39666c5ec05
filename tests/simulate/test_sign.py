"""Makers' signs: in a corner, clear of the banner's bar, of many looks."""

import numpy as np
import pytest

from wildact.simulate.sign import SHARE, Sign, draw_sign

WIDTH, HEIGHT = 320, 180


def signs(bar: slice, count: int = 200) -> list[Sign | None]:
    return [draw_sign(WIDTH, HEIGHT, bar, np.random.default_rng(seed)) for seed in range(count)]


def test_about_half_of_the_cameras_have_one() -> None:
    drawn = [sign is not None for sign in signs(slice(HEIGHT, HEIGHT))]
    assert abs(np.mean(drawn) - SHARE) < 0.1


@pytest.mark.parametrize("bar", [slice(0, 11), slice(HEIGHT - 11, HEIGHT)])
def test_it_lies_in_a_corner_beside_the_bar(bar: slice) -> None:
    corners = set()
    for sign in filter(None, signs(bar)):
        covered = sign.cover(HEIGHT, WIDTH)
        assert not covered[bar].any()
        rows, columns = np.nonzero(covered)
        assert len(rows) > 0
        low, right = rows.mean() > HEIGHT / 2, columns.mean() > WIDTH / 2
        assert (columns > WIDTH / 2).all() == right
        assert (rows > HEIGHT / 2).all() == low
        corners.add((low, right))
    assert len(corners) == 4


def test_without_a_bar_some_are_cut_off_by_the_corner() -> None:
    drawn = list(filter(None, signs(slice(HEIGHT, HEIGHT))))
    cut = [sign.left < 0 or sign.left + sign.patch.shape[1] > WIDTH for sign in drawn]
    assert 0 < np.mean(cut) < 1


def test_stamping_changes_what_it_covers_and_nothing_beside_it() -> None:
    for sign in filter(None, signs(slice(HEIGHT, HEIGHT), 40)):
        frame = np.full((HEIGHT, WIDTH, 3), (90, 250, 160), np.uint8)
        before = frame.copy()
        sign.stamp(frame)
        changed = (frame != before).any(axis=2)
        assert changed[sign.cover(HEIGHT, WIDTH)].all()
        h, w = sign.patch.shape[:2]
        rows, columns = np.nonzero(changed)
        assert sign.top <= rows.min() <= rows.max() < sign.top + h
        assert sign.left <= columns.min() <= columns.max() < sign.left + w


def test_the_same_draw_gives_the_same_sign() -> None:
    for seed in range(20):
        one, other = (draw_sign(WIDTH, HEIGHT, slice(0, 0), np.random.default_rng(seed)) for _ in range(2))
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert np.array_equal(one.patch, other.patch)
            assert (one.left, one.top) == (other.left, other.top)
