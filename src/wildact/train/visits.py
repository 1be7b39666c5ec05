"""Training samples by visits of videos: one decoding pass over a video gives several samples.

Samples of one visit look alike, so batches are mixed from the visits of a whole block. What a block holds
depends on the recipe's seed and the block's number alone: an interrupted training can go on where it stopped,
and workers need share nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.random import Generator
from torch.utils.data import DataLoader, Subset
from torch.utils.data import Dataset as TorchDataset

from wildact.decode import VideoReader
from wildact.errors import DatasetError
from wildact.types import Frame, LabelledVideo

Sample = TypeVar("Sample")

MIXED_VISITS = 24
"""A block has at least so many visits: more mix better, but are held in memory."""


class Blocks(TorchDataset[list[list[Sample]]], Generic[Sample]):
    """Blocks of batches; the videos are visited in a random order, each once per round."""

    def __init__(
        self,
        videos: Sequence[LabelledVideo],
        draw: Callable[[LabelledVideo, Generator], list[Sample]],
        *,
        seed: int,
        batch_size: int,
        samples_per_visit: int,
        iterations: int,
    ) -> None:
        """Plan the visits.

        Args:
            videos: to visit.
            draw: makes the samples of one visit.
            seed: of the recipe.
            batch_size: samples of a batch.
            samples_per_visit: how many ``draw`` makes, fewer where a file is damaged.
            iterations: batches in all.
        """
        self.videos, self.draw, self.seed, self.iterations = videos, draw, seed, iterations
        unit = math.lcm(batch_size, samples_per_visit)
        units = math.ceil(MIXED_VISITS * samples_per_visit / unit)
        self.visits, self.batches = units * unit // samples_per_visit, units * unit // batch_size

    def __len__(self) -> int:
        return math.ceil(self.iterations / self.batches)

    def __getitem__(self, block: int) -> list[list[Sample]]:
        """The batches of block number ``block``.

        Raises:
            DatasetError: if hardly any of its videos can be decoded.
        """
        samples = [sample for k in range(self.visits) for sample in self.visit(block * self.visits + k)]
        order = np.random.default_rng((self.seed, 3, block)).permutation(len(samples))
        batches = [[samples[i] for i in order[k :: self.batches]] for k in range(self.batches)]
        if not all(batches):
            raise DatasetError(f"of {self.visits} videos drawn for training, hardly any can be decoded.")
        return batches[: self.iterations - block * self.batches]

    def visit(self, number: int) -> list[Sample]:
        """The samples of one visit."""
        round_, place = divmod(number, len(self.videos))
        order = np.random.default_rng((self.seed, 1, round_)).permutation(len(self.videos))
        return self.draw(self.videos[order[place]], np.random.default_rng((self.seed, 2, number)))


class Batches(Generic[Sample]):
    """Batch after batch of `Blocks`, from any iteration on; its length is that of the whole training."""

    def __init__(self, blocks: Blocks[Sample], *, workers: int, start: int = 0) -> None:
        """Begin at a batch.

        Args:
            blocks: the plan.
            workers: processes that make blocks in advance; 0: made when they are needed.
            start: batches done before, which are left out.
        """
        self.blocks, self.workers, self.start = blocks, workers, start

    def __len__(self) -> int:
        return self.blocks.iterations

    def __iter__(self) -> Iterator[list[Sample]]:
        first, done = divmod(self.start, self.blocks.batches)
        loader = DataLoader(
            Subset(self.blocks, range(first, len(self.blocks))),
            batch_size=None,
            collate_fn=_unchanged,
            num_workers=self.workers,
            prefetch_factor=1 if self.workers else None,
            multiprocessing_context="spawn" if self.workers else None,  # FFmpeg does not survive a fork
        )
        for block in loader:
            yield from block[done:]
            done = 0


def _unchanged(block: list[list[Sample]]) -> list[list[Sample]]:
    return block


def read_frames(video: LabelledVideo, wanted: set[int]) -> dict[int, Frame]:
    """The wanted frames of a video that can be decoded, by index; decoding stops at the last of them."""
    frames: dict[int, Frame] = {}
    with VideoReader(video.info.path) as reader:
        for frame in reader.frames(lambda index, _: index in wanted):
            frames[frame.index] = frame
            if len(frames) == len(wanted):
                break
    return frames
