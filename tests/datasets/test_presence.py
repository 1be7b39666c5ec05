from dataclasses import replace
from fractions import Fraction

import pytest

from wildact.datasets import load_dataset, require_videos
from wildact.errors import DatasetError
from wildact.simulate import SimulationSettings, simulate_dataset


def test_videos_that_are_not_those_of_the_labels_are_named(tmp_path):
    settings = SimulationSettings(
        videos=2, seed=3, seconds=0.5, width=96, height=64, sites=1, cameras_per_site=1, fps=Fraction(6)
    )
    dataset = load_dataset(simulate_dataset(tmp_path / "set", settings))
    require_videos(dataset)
    first, *others = dataset.videos
    gone = replace(first, info=replace(first.info, path=first.info.path.with_name("gone.mp4")))
    with pytest.raises(DatasetError, match=r"1 of 2 videos cannot be used: .*gone\.mp4: no such file"):
        require_videos(replace(dataset, videos=(gone, *others)))
    width, height = first.info.width, first.info.height
    other = replace(first, info=replace(first.info, width=2 * width))
    said = rf"is {width}x{height}, its labels are of {2 * width}x{height}\."
    with pytest.raises(DatasetError, match=said):
        require_videos(replace(dataset, videos=(other, *others)))
    untold = replace(first, info=replace(first.info, width=0, height=0))
    require_videos(replace(dataset, videos=(untold,)))
