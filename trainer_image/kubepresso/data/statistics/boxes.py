"""Sizes and shapes of boxes, for detection and pose estimation."""

from __future__ import annotations

import numpy as np

from kubepresso.data.statistics.distributions import Categories, Distribution, Histogram, log_edges
from kubepresso.data.targets import Geometry

_SIZE_EDGES = log_edges(0.01, 1.0, 16)
#: For the median: linear, so that it is right within half a thousandth of the image's side.
_FINE_EDGES = np.linspace(0, 1, 1001).tolist()
_ASPECT_EDGES = log_edges(0.125, 8.0, 12)
#: COCO's bounds of small and medium objects, in square pixels.
_AREAS = (32.0**2, 96.0**2)
AREA_NAMES = ("small", "medium", "large")
_EDGE = 0.5


class BoxStatistics:
    """Sizes relative to the image, COCO's size classes, aspect ratios, and boxes cut by the image's edge."""

    def __init__(self) -> None:
        self.boxes = 0
        self._size = Histogram(_SIZE_EDGES)
        self._fine_size = Histogram(_FINE_EDGES)
        self._aspect = Histogram(_ASPECT_EDGES)
        self._areas = Histogram(_AREAS)
        self._at_edge = 0

    def add(self, boxes: np.ndarray, geometry: Geometry) -> None:
        """Count the boxes of an image.

        Args:
            boxes: float64 ``[n, 4]``, x1, y1, x2, y2 in pixels.
            geometry: The image's size.
        """
        if not len(boxes):
            return
        width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        area = width * height
        self.boxes += len(boxes)
        size = np.sqrt(area / (geometry.width * geometry.height))
        self._size.add(size)
        self._fine_size.add(size)
        self._aspect.add(width / np.maximum(height, 1e-9))
        self._areas.add(area)
        low, high = boxes[:, :2].min(1) <= _EDGE, (geometry[:2] - boxes[:, 2:]).min(1) <= _EDGE
        self._at_edge += int(np.count_nonzero(low | high))

    def numbers(self) -> dict[str, float]:
        """Return the median size, the shares of COCO's size classes, and the share at the image's edge."""
        if not self.boxes:
            return {}
        areas = dict(zip(AREA_NAMES, self._areas.counts.tolist(), strict=True))
        return {
            "box_size_median": self._fine_size.quantile(0.5),
            **{f"boxes_{name}_share": count / self.boxes for name, count in areas.items()},
            "boxes_at_edge_share": self._at_edge / self.boxes,
        }

    def distributions(self) -> dict[str, Distribution]:
        """Return sizes (square root of the share of the image's area), size classes and aspect ratios."""
        areas = Categories(AREA_NAMES, self._areas.counts)
        return {"box_size": self._size, "box_area": areas, "box_aspect": self._aspect}
