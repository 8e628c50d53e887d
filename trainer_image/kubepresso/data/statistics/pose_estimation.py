"""Pose estimation: visibility of each keypoint, instances in an image, sizes and shapes of boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.statistics.boxes import BoxStatistics
from kubepresso.data.statistics.distributions import Categories, Distribution, Histogram, count_edges
from kubepresso.data.targets import Geometry, Poses

#: By COCO's visibility flag, 0 to 2.
VISIBILITIES = ("missing", "hidden", "visible")


class Statistics:
    """See `TargetStatistics`; ``classes`` are the keypoints' names."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._names = classes
        self._flags = np.zeros((len(VISIBILITIES), len(classes)), np.int64)
        self._per_image = Histogram(count_edges())
        self._labelled = Histogram(count_edges())
        self._boxes = BoxStatistics()
        self._images = self._empty = 0

    def add(self, target: Poses, geometry: Geometry) -> None:
        """Count an image's instances."""
        flags = target.keypoints[..., 2].astype(np.int64)
        for flag in range(len(VISIBILITIES)):
            self._flags[flag] += (flags == flag).sum(0)
        self._per_image.add(len(flags))
        self._labelled.add((flags > 0).sum(1))
        self._boxes.add(target.boxes, geometry)
        self._images += 1
        self._empty += not len(flags)

    def numbers(self) -> dict[str, float]:
        """Return counts of instances, and the shares of visible, hidden and missing keypoints."""
        total = max(int(self._flags.sum()), 1)
        shares = self._flags.sum(1) / total
        return {
            "instances": float(self._boxes.boxes),
            "instances_per_image": self._boxes.boxes / max(self._images, 1),
            "empty_images": float(self._empty),
            **{f"keypoints_{n}_share": float(s) for n, s in zip(VISIBILITIES, shares, strict=True)},
            **self._boxes.numbers(),
        }

    def distributions(self) -> dict[str, Distribution]:
        """Return visibilities of each keypoint, instances in an image, labelled keypoints, and the boxes."""
        by_flag = zip(VISIBILITIES, self._flags, strict=True)
        return {
            **{f"keypoints_{name}": Categories(self._names, counts) for name, counts in by_flag},
            "instances_per_image": self._per_image,
            "keypoints_labelled": self._labelled,
            **self._boxes.distributions(),
        }
