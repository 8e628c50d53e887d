"""Which samples a process loads, in which batches, as keys ``(epoch, index, step)``."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from kubepresso.data.randomness import seeded
from kubepresso.errors import UserError

Key = tuple[int, int, int]
"""Epoch, index of the sample, and the global step in the epoch."""


class TrainingBatches(Sampler[list[Key]]):
    """Batches of a permutation that depends on (seed, epoch) alone and is shared by all processes.

    The permutation is cut into global batches of ``batch_size * world_size``, and each of those into equal
    parts, one a process: any number of processes with the same global batch sees the same samples at the
    same step. The last, incomplete global batch is left out (in another epoch these are other samples); where
    it is the only one, it is cut into equal parts of fewer samples.

    Args:
        count: Samples in the split.
        batch_size: Samples of a batch of one process.
        seed: ``environment.seed``.
        rank: This process.
        world_size: Number of processes.

    Attributes:
        epoch: See `go_to`.

    Raises:
        UserError: There are fewer samples than processes.
    """

    def __init__(self, count: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        if count < world_size:
            raise UserError(
                f"environment.distributed: {world_size} training processes for {count} training images; "
                f"use at most {count}"
            )
        self.batch_size = min(batch_size, count // world_size)
        self.epoch = 0
        self._step = 0
        self._consumed = 0
        self._count = count
        self._seed = seed
        self._rank = rank
        self._world_size = world_size

    def go_to(self, epoch: int, step: int = 0, consumed: int = 0) -> None:
        """Say where to begin.

        Args:
            epoch: Counted from 0.
            step: Steps of the epoch that are done.
            consumed: Samples that all processes took in them; their number may have been another one.
        """
        self.epoch, self._step, self._consumed = epoch, step, consumed

    def __len__(self) -> int:
        return (self._count - self._consumed) // (self.batch_size * self._world_size)

    def __iter__(self) -> Iterator[list[Key]]:
        with seeded(self._seed, self.epoch):
            order = torch.randperm(self._count).tolist()
        epoch, whole = self.epoch, self.batch_size * self._world_size
        for offset in range(len(self)):
            begin = self._consumed + offset * whole + self._rank * self.batch_size
            step = self._step + offset
            yield [(epoch, index, step) for index in order[begin : begin + self.batch_size]]


class EvaluationBatches(Sampler[list[Key]]):
    """Every sample exactly once over all processes, none repeated: process r takes one contiguous part.

    Args:
        count: Samples in the split.
        batch_size: Samples of a batch; the last one may be smaller.
        rank: This process.
        world_size: Number of processes.
    """

    def __init__(self, count: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self._begin = count * rank // world_size
        self._end = count * (rank + 1) // world_size
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-(self._end - self._begin) // self._batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        for step, begin in enumerate(range(self._begin, self._end, self._batch_size)):
            yield [(0, index, step) for index in range(begin, min(begin + self._batch_size, self._end))]
