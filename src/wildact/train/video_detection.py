"""Train a detector that sees several frames: a labelled frame with others of its video, changed alike.

Reference: Zhu et al. 2017, section 4.2 (two frames near the current one); Schindler & Steinhage 2021, section
4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.random import Generator
from torch import Tensor

from wildact.datasets import Dataset
from wildact.labels import LabelledVideo
from wildact.recipes import DetectionRecipe
from wildact.recipes.schema import DetectionData, Window
from wildact.train.detection import choose_frames, cut_and_change_frames
from wildact.train.objects import Target, read_objects
from wildact.train.schedule import count_iterations
from wildact.train.visits import Blocks, read_frames

Sample = tuple[Tensor, Target]


def build_blocks(dataset: Dataset, recipe: DetectionRecipe, window: Window) -> Blocks[Sample]:
    """All the samples that the recipe trains on."""
    return Blocks(
        dataset.videos,
        partial(draw_windows, species=dataset.species, data=recipe.data, window=window),
        seed=recipe.seed,
        batch_size=recipe.optimizer.batch_size,
        samples_per_visit=recipe.data.frames_per_video,
        iterations=count_iterations(recipe, len(dataset.videos), recipe.data.frames_per_video),
    )


def draw_windows(
    video: LabelledVideo, rng: Generator, *, species: Sequence[str], data: DetectionData, window: Window
) -> list[Sample]:
    """Draw frames of one video with others beside them; each window has another look, scale and cut.

    Returns:
        For each drawn frame a (T, 3, h, w) uint8 window, the frame itself first, and torchvision's target for
        it.
    """
    chosen, length = choose_frames(video, rng, data), video.info.frames or 0
    windows = {index: [index, *choose_neighbours(index, length, rng, window)] for index in chosen}
    frames = read_frames(video, {number for numbers in windows.values() for number in numbers})
    samples = []
    for index, numbers in windows.items():
        if any(
            number not in frames for number in numbers
        ):  # a damaged file may hold fewer than were labelled
            continue
        images = [frames[number].image for number in numbers]
        samples.append(cut_and_change_frames(images, read_objects(video, index, species), rng, data))
    return samples


def choose_neighbours(index: int, length: int, rng: Generator, window: Window) -> list[int]:
    """Numbers of other frames near a frame of ``length``, in order; then itself where there are too few."""
    near = np.arange(max(0, index - window.max_offset), min(length, index + window.max_offset + 1))
    near = near[near != index]
    count = min(window.neighbours, len(near))
    drawn = [int(number) for number in rng.choice(near, count, replace=False)] if count else []
    return sorted(drawn) + [index] * (window.neighbours - count)
