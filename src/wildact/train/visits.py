"""Training samples by visits of videos: one decoding pass over a video gives several samples.

A visit is numbered, and what it draws depends on the recipe's seed and that number alone: an interrupted
training can go on at the visit where it stopped, and workers need share nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from torch.utils.data import Dataset as TorchDataset

from wildact.decode import VideoReader
from wildact.types import Frame, LabelledVideo

Sample = TypeVar("Sample")


class Visits(TorchDataset[list[Sample]]):
    """Visits of the videos in a random order, each video once per round."""

    def __init__(
        self,
        videos: Sequence[LabelledVideo],
        draw: Callable[[LabelledVideo, Generator], list[Sample]],
        *,
        seed: int,
        visits: int,
    ) -> None:
        """Plan the visits.

        Args:
            videos: to visit.
            draw: makes the samples of one visit.
            seed: of the recipe.
            visits: how many in all.
        """
        self.videos, self.draw, self.seed, self.visits = videos, draw, seed, visits

    def __len__(self) -> int:
        return self.visits

    def __getitem__(self, visit: int) -> list[Sample]:
        """The samples of visit number ``visit``."""
        round_, place = divmod(visit, len(self.videos))
        order = np.random.default_rng((self.seed, 1, round_)).permutation(len(self.videos))
        rng = np.random.default_rng((self.seed, 2, visit))
        return self.draw(self.videos[order[place]], rng)


def read_frames(video: LabelledVideo, wanted: set[int]) -> dict[int, Frame]:
    """The wanted frames of a video that can be decoded, by index; decoding stops at the last of them."""
    frames: dict[int, Frame] = {}
    with VideoReader(video.info.path) as reader:
        for frame in reader.frames(lambda index, _: index in wanted):
            frames[frame.index] = frame
            if len(frames) == len(wanted):
                break
    return frames
