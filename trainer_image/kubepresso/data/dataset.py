"""The torch data set over a split of prepared data and a recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset

from kubepresso.data.decoding import decode_rgb
from kubepresso.data.prepared import SplitReader
from kubepresso.data.randomness import seeded

Recipe = Callable[[dict[str, Any]], dict[str, Any]]


class ClassificationDataset(Dataset[dict[str, Any]]):
    """Decoded, augmented samples of one split.

    A sample's random draws come from (seed, epoch, index) alone, so they are the same for any order of the
    samples and any number of workers or ranks. Pickling carries paths and the recipe, no data.

    Args:
        reader: From `PreparedDataset.split`.
        recipe: Takes and returns ``{"image", "label"}``; the image comes as uint8 ``[3, height, width]``.
        seed: ``environment.seed``.
    """

    def __init__(self, reader: SplitReader, recipe: Recipe, seed: int) -> None:
        self.reader = reader
        self.recipe = recipe
        self.seed = seed

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """Return one augmented sample.

        Args:
            key: ``(epoch, index)``, as the samplers yield it.

        Returns:
            ``image`` (what the recipe makes, float32 ``[3, height, width]``), ``label`` (int) and ``index``
            (int).
        """
        epoch, index = key
        stored = self.reader[index]
        with seeded(self.seed, epoch, index):
            sample = self.recipe({"image": decode_rgb(stored.image_bytes), "label": stored.label})
        return {**sample, "index": index}
