"""Classification: images of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.statistics.distributions import Categories, Distribution
from kubepresso.data.targets import Geometry


class Statistics:
    """See `TargetStatistics`."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._images = np.zeros(len(classes), np.int64)

    def add(self, target: int, geometry: Geometry) -> None:
        """Count an image."""
        self._images[target] += 1

    def numbers(self) -> dict[str, float]:
        """Return how uneven the classes are."""
        return imbalance(self._images)

    def distributions(self) -> dict[str, Distribution]:
        """Return the images of each class."""
        return {"images_per_class": Categories(self._classes, self._images)}


def imbalance(counts: np.ndarray) -> dict[str, float]:
    """Return the classes that occur, and how often the most frequent one occurs for once of the rarest."""
    present = counts[counts > 0]
    ratio = float(present.max() / present.min()) if len(present) else 0.0
    return {"classes_present": float(len(present)), "class_imbalance": ratio}
