"""Segmentation: pixels and images of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.statistics.distributions import Categories, Distribution, Histogram, count_edges
from kubepresso.data.targets import ClassMask, Geometry
from kubepresso.data.targets.kinds import IGNORE


class Statistics:
    """See `TargetStatistics`."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._pixels = np.zeros(len(classes), np.int64)
        self._images_with = np.zeros(len(classes), np.int64)
        self._classes_per_image = Histogram(count_edges(30))
        self._images = self._ignored = self._unlabelled = 0

    def add(self, target: ClassMask, geometry: Geometry) -> None:
        """Count a mask's pixels."""
        counts = np.bincount(target.pixels.ravel(), minlength=IGNORE + 1)
        pixels = counts[: len(self._classes)]
        self._pixels += pixels
        self._images_with += pixels > 0
        self._classes_per_image.add(int(np.count_nonzero(pixels)))
        self._images += 1
        self._ignored += int(counts[IGNORE])
        self._unlabelled += not pixels.any()

    def numbers(self) -> dict[str, float]:
        """Return the share of ignored pixels, of images with nothing else, and how uneven the classes are.

        The shares of classes are of the pixels that have one, as those in the distribution.
        """
        labelled = int(self._pixels.sum())
        present = self._pixels[self._pixels > 0]
        return {
            "ignored_share": self._ignored / max(labelled + self._ignored, 1),
            "unlabelled_images": float(self._unlabelled),
            "classes_present": float(len(present)),
            "largest_class_share": float(present.max() / labelled) if len(present) else 0.0,
            "smallest_class_share": float(present.min() / labelled) if len(present) else 0.0,
        }

    def distributions(self) -> dict[str, Distribution]:
        """Return pixels and images of each class, and classes in an image."""
        return {
            "pixels_per_class": Categories(self._classes, self._pixels, observations=self._images),
            "images_per_class": Categories(self._classes, self._images_with),
            "classes_per_image": self._classes_per_image,
        }
