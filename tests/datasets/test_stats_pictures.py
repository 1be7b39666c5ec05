from dataclasses import replace

import cv2
import numpy as np
import pytest

from wildact.datasets.stats import describe_dataset
from wildact.datasets.stats_pictures import save_pictures


def pictures(folder, dataset):
    paths = save_pictures(folder, dataset, describe_dataset(dataset))
    assert [path.name for path in paths] == ["classes.png", "transitions.png", "sites.png", "bouts.png"]
    return {path.stem: cv2.imread(str(path))[:, :, ::-1] for path in paths}


def holds(image, color):
    return bool((np.abs(image.astype(int) - color).max(axis=2) < 3).sum() > 20)


def test_pictures_show_actions_and_lights_in_their_colours(good, tmp_path):
    shown = pictures(
        tmp_path / "out", replace(good, species=(*good.species, "$hare$"), actions=("walking", "resting"))
    )
    for name in ("classes", "bouts"):
        assert holds(shown[name], (86, 180, 233))  # walking
        assert holds(shown[name], (120, 130, 150))  # resting
    assert holds(shown["sites"], (240, 200, 66))  # day
    assert not holds(shown["sites"], (61, 79, 107))  # infrared
    assert holds(shown["transitions"], (8, 48, 107))  # walking is always followed by resting


@pytest.mark.parametrize("number", [0, 45])
def test_pictures_of_no_video_and_of_many_sites(make_set, tmp_path, number):
    names = tuple(f"action {k}" for k in range(20))
    rows = [(f"{k}.mp4", f"S{k}", "1", [("fox", ("action 0", 0, 12))]) for k in range(number)]
    shown = pictures(tmp_path / "out", make_set(tmp_path / "set", rows, actions=names))
    assert all(image.std() > 1 for image in shown.values())
    assert shown["sites"].shape[0] < 1700
