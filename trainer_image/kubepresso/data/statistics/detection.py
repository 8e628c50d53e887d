"""Detection: objects of each class, objects in an image, sizes and shapes of boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.statistics.boxes import BoxStatistics
from kubepresso.data.statistics.classification import imbalance
from kubepresso.data.statistics.distributions import Categories, Distribution, Histogram, count_edges
from kubepresso.data.targets import Geometry, Objects


class Statistics:
    """See `TargetStatistics`."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._objects = np.zeros(len(classes), np.int64)
        self._images_with = np.zeros(len(classes), np.int64)
        self._per_image = Histogram(count_edges())
        self._boxes = BoxStatistics()
        self._images = self._empty = self._crowd = self._most = 0

    def add(self, target: Objects, geometry: Geometry) -> None:
        """Count an image's objects, those marked as crowd or difficult too."""
        count = len(target.labels)
        counts = np.bincount(target.labels, minlength=len(self._classes))
        self._objects += counts
        self._images_with += counts > 0
        self._per_image.add(count)
        self._boxes.add(target.boxes, geometry)
        self._images += 1
        self._empty += not count
        self._crowd += int(np.count_nonzero(target.crowd))
        self._most = max(self._most, count)

    def numbers(self) -> dict[str, float]:
        """Return counts of objects, and shares of empty images and of crowds."""
        objects = int(self._objects.sum())
        return {
            "objects": float(objects),
            "objects_per_image": objects / max(self._images, 1),
            "objects_most": float(self._most),
            "empty_images": float(self._empty),
            "empty_share": self._empty / max(self._images, 1),
            "crowd_share": self._crowd / max(objects, 1),
            **imbalance(self._objects),
            **self._boxes.numbers(),
        }

    def distributions(self) -> dict[str, Distribution]:
        """Return objects and images of each class, objects in an image, and the boxes."""
        return {
            "objects_per_class": Categories(self._classes, self._objects),
            "images_per_class": Categories(self._classes, self._images_with),
            "objects_per_image": self._per_image,
            **self._boxes.distributions(),
        }
