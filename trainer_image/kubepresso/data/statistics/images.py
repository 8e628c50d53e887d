"""What is common to all tasks: sizes, colours and brightness of the images."""

from __future__ import annotations

import collections
import math

import numpy as np

from kubepresso.data.statistics.distributions import Distribution, Histogram, log_edges
from kubepresso.data.targets import Geometry

#: ITU-R BT.601 luma in thousandths: whole numbers, so that sums are exact.
LUMA = np.array([299, 587, 114], np.float64)
_SIZE_EDGES = log_edges(16, 8192, 18)
_ASPECT_EDGES = [0.25, 0.4, 0.5, 0.65, 0.8, 0.95, 1.05, 1.25, 1.5, 2.0, 2.5, 4.0]
_BRIGHTNESS_EDGES = [float(edge) for edge in range(16, 256, 16)]
_CONTRAST_EDGES = [float(edge) for edge in range(8, 128, 8)]


class ImageStatistics:
    """Sizes of all images, and colours as their thumbnails show them."""

    def __init__(self) -> None:
        self.images = 0
        self.sizes: collections.Counter[tuple[int, int]] = collections.Counter()
        self._pixels = 0
        self._sums = np.zeros(3)
        self._squares = np.zeros(3)
        self._brightness = Histogram(_BRIGHTNESS_EDGES)
        self._contrast = Histogram(_CONTRAST_EDGES)

    def add_size(self, geometry: Geometry) -> None:
        """Count an image of this size."""
        self.images += 1
        self.sizes[geometry[:2]] += 1

    def add_thumbnails(self, thumbnails: np.ndarray) -> np.ndarray:
        """Take the colours of a batch.

        Args:
            thumbnails: uint8 RGB ``[n, side, side, 3]``.

        Returns:
            Their luma in thousandths, float64 ``[n, side, side]``.
        """
        # Whole numbers below 2**53 in float64: exact in any order.
        planes = thumbnails.reshape(-1, 3).T.astype(np.float64, order="C")
        self._pixels += planes.shape[1]
        self._sums += planes.sum(1)
        self._squares += [plane @ plane for plane in planes]
        luma: np.ndarray = LUMA[0] * planes[0] + LUMA[1] * planes[1] + LUMA[2] * planes[2]
        luma = luma.reshape(len(thumbnails), -1)
        mean = luma @ np.ones(luma.shape[1]) / luma.shape[1]
        squares = np.einsum("ij,ij->i", luma, luma) / luma.shape[1]
        self._brightness.add(mean / 1000)
        self._contrast.add(np.sqrt(np.maximum(squares - mean**2, 0)) / 1000)
        return luma.reshape(thumbnails.shape[:3])

    def numbers(self) -> dict[str, float]:
        """Return sizes in pixels, and colours of 0 to 255."""
        if not self.images:
            return {"images": 0.0}
        widths, heights = zip(*self.sizes, strict=True)
        numbers = {
            "images": float(self.images),
            "image_sizes": float(len(self.sizes)),
            "width_min": float(min(widths)),
            "width_max": float(max(widths)),
            "height_min": float(min(heights)),
            "height_max": float(max(heights)),
        }
        mean = self._sums / max(self._pixels, 1)
        deviation = np.sqrt(np.maximum(self._squares / max(self._pixels, 1) - mean**2, 0))
        for index, colour in enumerate(("red", "green", "blue")):
            numbers |= {f"{colour}_mean": float(mean[index]), f"{colour}_std": float(deviation[index])}
        numbers["brightness_mean"] = float(mean @ LUMA / 1000)
        return numbers

    def distributions(self) -> dict[str, Distribution]:
        """Return sizes, aspect ratios, and each image's brightness and contrast."""
        size, aspect = Histogram(_SIZE_EDGES), Histogram(_ASPECT_EDGES)
        for (width, height), count in self.sizes.items():
            size.counts[np.searchsorted(size.edges, math.sqrt(width * height), side="right")] += count
            aspect.counts[np.searchsorted(aspect.edges, width / height, side="right")] += count
        return {
            "image_size": size,
            "image_aspect": aspect,
            "brightness": self._brightness,
            "contrast": self._contrast,
        }
