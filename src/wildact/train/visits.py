"""Training samples by visits of videos: one decoding pass over a video gives several samples.

Samples of one visit look alike, so a batch has each of its samples from another visit. What a block of
batches holds depends on the recipe's seed and the block's number alone: an interrupted training can go on
where it stopped, workers need share nothing, and of several processes each makes only its part.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, distributed
from torch.utils.data import DataLoader, Subset
from torch.utils.data import Dataset as TorchDataset

from wildact.decode import VideoReader
from wildact.errors import DatasetError, UsageError, VideoError, WildactError
from wildact.labels import LabelledVideo
from wildact.types import Frame

Sample = TypeVar("Sample")

MIXED_VISITS = 24
"""A block has at least so many visits: more mix better, but are held in memory."""

_logger = logging.getLogger(__name__)

SUBSTITUTES = 10
"""So many videos are tried in place of one that cannot be decoded."""


class Blocks(TorchDataset[list[list[Sample]]], Generic[Sample]):
    """Blocks of batches; the videos are visited in a random order, each once per round.

    Every place of a batch has visits of its own, whose samples it takes in a random order.
    """

    def __init__(
        self,
        videos: Sequence[LabelledVideo],
        draw: Callable[[LabelledVideo, Generator], list[Sample]],
        *,
        seed: int,
        batch_size: int,
        samples_per_visit: int,
        iterations: int,
        chances: Sequence[float] | None = None,
    ) -> None:
        """Plan the visits.

        Args:
            videos: to visit.
            draw: makes the samples of one visit.
            seed: of the recipe.
            batch_size: samples of a batch, of all processes together.
            samples_per_visit: how many ``draw`` makes; where a file is damaged and gives fewer, they repeat.
            iterations: batches in all.
            chances: of each video to be visited; None: each is visited once per round.
        """
        self.chances = chances
        self.videos, self.draw, self.seed, self.iterations = videos, draw, seed, iterations
        self.batch_size, self.samples_per_visit = batch_size, samples_per_visit
        self.places = range(batch_size)
        self.visits_per_place = math.ceil(MIXED_VISITS / batch_size)
        self.visits = self.visits_per_place * batch_size
        self.batches = self.visits_per_place * samples_per_visit

    def share(self, rank: int, ranks: int) -> Blocks[Sample]:
        """The places of one of several processes that train together: every ``ranks``-th.

        Raises:
            UsageError: if they cannot share a batch evenly.
        """
        if self.batch_size % ranks:
            raise UsageError(
                f"{ranks} processes cannot share a batch of {self.batch_size}: set optimizer.batch_size to a "
                f"multiple of {ranks}."
            )
        shared = copy.copy(self)
        shared.places = range(rank, self.batch_size, ranks)
        return shared

    def __len__(self) -> int:
        return math.ceil(self.iterations / self.batches)

    def __getitem__(self, block: int) -> list[list[Sample]]:
        """The batches of block number ``block``: this process' places of them.

        Raises:
            DatasetError: if hardly any of its videos can be decoded.
        """
        columns = [self._column(block, place) for place in self.places]
        batches = [list(batch) for batch in zip(*columns, strict=True)]
        return batches[: self.iterations - block * self.batches]

    def _column(self, block: int, place: int) -> list[Sample]:
        """What one place holds in each batch of a block."""
        visits = [self.visit(number) for number in self._numbers(block, place)]
        samples = [visit[i % len(visit)] for visit in visits for i in range(self.samples_per_visit)]
        return [samples[i] for i in self._order(block, place)]

    def _numbers(self, block: int, place: int) -> range:
        first = block * self.visits
        return range(first + place, first + self.visits, self.batch_size)

    def _order(self, block: int, place: int) -> list[int]:
        order: list[int] = (
            np.random.default_rng((self.seed, 3, block, place)).permutation(self.batches).tolist()
        )
        return order

    def visit(self, number: int) -> list[Sample]:
        """The samples of one visit; of another video where the chosen one cannot be decoded.

        Raises:
            DatasetError: if none of several can be.
        """
        for other in range(min(SUBSTITUTES, len(self.videos))):
            rng = np.random.default_rng((self.seed, 2, number, other))
            video = self._video(number, other)
            with suppress(VideoError):
                if samples := self.draw(video, rng):
                    return samples
            _logger.warning("%s gives no samples: another video stands in for it.", video.info.path)
        raise DatasetError(
            f"hardly any video can be decoded, among them {self._video(number).info.path}: "
            "run `wildact data check` on the data set."
        )

    def _video(self, number: int, other: int = 0) -> LabelledVideo:
        if self.chances is not None:
            rng = np.random.default_rng((self.seed, 1, number, other))
            return self.videos[int(rng.choice(len(self.videos), p=self.chances))]
        round_, place = divmod(number, len(self.videos))
        order = np.random.default_rng((self.seed, 1, round_)).permutation(len(self.videos))
        return self.videos[int(order[(place + other) % len(self.videos)])]

    def videos_of(self, iteration: int) -> list[LabelledVideo]:
        """The videos of which a batch, of all processes, holds samples."""
        block, batch = divmod(iteration, self.batches)
        chosen = []
        for place in range(self.batch_size):
            visit = self._order(block, place)[batch] // self.samples_per_visit
            chosen.append(self._video(self._numbers(block, place)[visit]))
        return chosen


class Batches(Generic[Sample]):
    """Batch after batch of `Blocks`, from any iteration on; its length is that of the whole training.

    Attributes:
        waited_s: seconds for which the network had to wait for its samples.
    """

    def __init__(self, blocks: Blocks[Sample], *, workers: int, start: int = 0) -> None:
        """Begin at a batch.

        Args:
            blocks: the plan.
            workers: processes that make blocks in advance; 0: made when they are needed.
            start: batches done before, which are left out.
        """
        self.blocks, self.workers, self.start = blocks, workers, start
        self.waited_s = 0.0

    def __len__(self) -> int:
        return self.blocks.iterations

    def __iter__(self) -> Iterator[list[Sample]]:
        own = self.blocks
        if distributed.is_available() and distributed.is_initialized():
            own = own.share(distributed.get_rank(), distributed.get_world_size())
        first, done = divmod(self.start, own.batches)
        loader = DataLoader(
            Subset(_Guarded(own), range(first, len(own))),
            batch_size=None,
            collate_fn=_to_arrays,
            num_workers=self.workers,
            prefetch_factor=1 if self.workers else None,
            multiprocessing_context="spawn" if self.workers else None,  # FFmpeg does not survive a fork
        )
        blocks = iter(loader)
        while True:
            began = time.perf_counter()
            block = next(blocks, None)
            self.waited_s += time.perf_counter() - began
            if block is None:
                return
            if isinstance(block, WildactError):
                raise block
            yield from _to_tensors(block)[done:]
            done = 0


class _Guarded(TorchDataset[Any]):
    """Blocks of which one that cannot be made is its error: a worker would make a long text of it."""

    def __init__(self, blocks: Blocks[Any]) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, block: int) -> Any:
        try:
            return self.blocks[block]
        except WildactError as error:
            return error


def _to_arrays(part: Any) -> Any:
    """Tensors, however deep in lists, tuples and dicts, as arrays of the same memory.

    Between processes each tensor takes an open file, and a block has more of them than most systems allow.
    """
    return _replace(part, Tensor, Tensor.numpy)


def _to_tensors(part: Any) -> Any:
    """The reverse of `_to_arrays`."""
    return _replace(part, np.ndarray, torch.from_numpy)


def _replace(part: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    if isinstance(part, kind):
        return change(part)
    if isinstance(part, dict):
        return {key: _replace(value, kind, change) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return type(part)(_replace(value, kind, change) for value in part)
    return part


def read_frames(video: LabelledVideo, wanted: set[int]) -> dict[int, Frame]:
    """The wanted frames of a video that can be decoded, by index; decoding stops at the last of them."""
    frames: dict[int, Frame] = {}
    with VideoReader(video.info.path) as reader:
        for frame in reader.frames(lambda index, _: index in wanted):
            frames[frame.index] = frame
            if len(frames) == len(wanted):
                break
    return frames
