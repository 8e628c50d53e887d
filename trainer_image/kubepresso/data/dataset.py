"""The torch data sets over a split of prepared data and a recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from kubepresso.data.prepared import PreparedDataset, SplitReader
from kubepresso.data.randomness import seeded
from kubepresso.data.sampler import Key
from kubepresso.data.samples import to_sample
from kubepresso.sampling import SampleContext

Recipe = Callable[[dict[str, Any], SampleContext], dict[str, Any]]


class ImageDataset(Dataset[dict[str, Any]]):
    """Decoded, augmented samples of one split, one an image.

    A sample's random draws come from (seed, epoch, index) alone, so they are the same for any order of the
    samples and any number of workers or ranks. Pickling carries paths and the recipe, no data.

    Args:
        reader: From `PreparedDataset.split`.
        recipe: Takes and returns samples as `kubepresso.data.samples.to_sample` makes them.
        seed: ``environment.seed``.
    """

    def __init__(self, reader: SplitReader, recipe: Recipe, seed: int) -> None:
        self.reader = reader
        self.recipe = recipe
        self.seed = seed

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one augmented sample.

        Args:
            key: ``(epoch, index, step)``, as the samplers yield it.

        Returns:
            What the recipe makes, and ``index`` (int).
        """
        epoch, index, step = key
        context = SampleContext(self.seed, epoch, step, index, len(self), self.fetch)
        sample = self.fetch(index)
        with seeded(self.seed, epoch, index):
            sample = self.recipe(sample, context)
        return {**sample, "index": index}

    def fetch(self, index: int) -> dict[str, Any]:
        """Return a decoded sample as it is before the recipe."""
        stored = self.reader[index]
        return to_sample(self.reader.task, stored.image_bytes, stored.target)

    def path(self, index: int) -> str:
        """Say where a sample came from."""
        return self.reader[index].path


class InstanceDataset(ImageDataset):
    """As `ImageDataset`, one sample an instance: for pose estimation.

    Images without an instance give no sample. Instances are numbered in the order of their images.
    """

    def __init__(self, reader: SplitReader, recipe: Recipe, seed: int) -> None:
        super().__init__(reader, recipe, seed)
        self._ends: np.ndarray | None = None

    def __len__(self) -> int:
        ends = self._cumulated()
        return int(ends[-1]) if len(ends) else 0

    def fetch(self, index: int) -> dict[str, Any]:
        """Return a decoded instance as it is before the recipe."""
        row, instance = self.locate(index)
        stored = self.reader[row]
        return to_sample(self.reader.task, stored.image_bytes, stored.target, instance)

    def path(self, index: int) -> str:
        """Say where a sample came from."""
        row, instance = self.locate(index)
        return f"{self.reader[row].path} (instance {instance})"

    def locate(self, index: int) -> tuple[int, int]:
        """Return the image of a sample, and the instance's number in it."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        ends = self._cumulated()
        row = int(np.searchsorted(ends, index, side="right"))
        return row, index - (int(ends[row - 1]) if row else 0)

    def _cumulated(self) -> np.ndarray:
        if self._ends is None:
            self._ends = np.cumsum(self.reader.instance_counts())
        return self._ends

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ends": None}


def build_dataset(prepared: PreparedDataset, split: str, recipe: Recipe, seed: int) -> ImageDataset:
    """Build the data set of a split, for any task.

    Args:
        prepared: The prepared data.
        split: Name of the split.
        recipe: From ``augmentation.build_recipe``.
        seed: ``environment.seed``.

    Raises:
        UserError: There is no such split.
    """
    kind = InstanceDataset if prepared.manifest.task == "pose_estimation" else ImageDataset
    return kind(prepared.split(split), recipe, seed)
