from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from wildact.export import save_ethogram
from wildact.export.colors import ACTION_COLORS
from wildact.export.ethogram import SIMULATED_NOTE, _draw


def colours(path):
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    return {
        tuple(c): n for c, n in zip(*np.unique(pixels, axis=0, return_counts=True), strict=True)
    }, picture.size


def test_bouts_show_in_their_colours_with_areas_like_their_durations(result, tmp_path):
    save_ethogram(tmp_path / "e.png", result, title="site/clip.mp4")
    seen, size = colours(tmp_path / "e.png")
    walking, resting = (seen[ACTION_COLORS[action]] for action in ("walking", "resting"))
    assert 2.4 < walking / resting < 3.6  # 1.2 + 1.2 s against 0.8 s
    assert size[0] > 900


def test_more_animals_make_a_taller_picture(result, blank, tmp_path):
    save_ethogram(tmp_path / "two.png", result, title="a")
    save_ethogram(tmp_path / "none.png", blank, title="$a_b$ <x>")  # no formula is made of a file's name
    assert colours(tmp_path / "two.png")[1][1] > colours(tmp_path / "none.png")[1][1]
    assert ACTION_COLORS["walking"] not in colours(tmp_path / "none.png")[0]


def test_letters_that_no_font_has_are_no_warning(blank, tmp_path):
    save_ethogram(tmp_path / "e.png", blank, title="鹿の森/𐎠.mp4")  # a warning would be an error here
    assert colours(tmp_path / "e.png")[1][0] > 900


@pytest.mark.parametrize("simulated", [True, False])
def test_a_network_that_saw_simulated_clips_is_named_below_the_bouts(result, simulated):
    models = {"recognizer": {"trained_on_simulation": simulated}}
    (legend,) = _draw(replace(result, models=models), "a").legends
    assert (legend.get_title().get_text() == SIMULATED_NOTE) is simulated
