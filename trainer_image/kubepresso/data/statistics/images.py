"""What is common to all tasks: sizes, colours and brightness of the images."""

from __future__ import annotations

import collections
import math
from collections.abc import Sequence

import numpy as np

from kubepresso.data.statistics.colours import Colours, sharpness_of
from kubepresso.data.statistics.distributions import Distribution, Histogram, log_edges
from kubepresso.data.targets import Geometry

#: ITU-R BT.601 luma in thousandths: whole numbers, so that sums are exact.
LUMA = np.array([299, 587, 114], np.float64)
_SIZE_EDGES = log_edges(16, 8192, 18)
_ASPECT_EDGES = [0.25, 0.4, 0.5, 0.65, 0.8, 0.95, 1.05, 1.25, 1.5, 2.0, 2.5, 4.0]
_SHARE_EDGES = [round(share, 2) for share in np.arange(0.14, 0.57, 0.02).tolist()]
_PER_IMAGE = {
    "brightness": [float(edge) for edge in range(16, 256, 16)],
    "red_share": _SHARE_EDGES,
    "blue_share": _SHARE_EDGES,
    "contrast": [float(edge) for edge in range(8, 128, 8)],
    "sharpness": log_edges(0.25, 64, 16),
}


class ImageStatistics:
    """Sizes, colours and sharpness of images at full size, and contrast as their thumbnails show it."""

    def __init__(self) -> None:
        self.images = 0
        self.sizes: collections.Counter[tuple[int, int]] = collections.Counter()
        self._pixels = 0
        self._sums = np.zeros(3)
        self._squares = np.zeros(3)
        self._histograms = {name: Histogram(edges) for name, edges in _PER_IMAGE.items()}

    def add_size(self, geometry: Geometry) -> None:
        """Count an image of this size."""
        self.images += 1
        self.sizes[geometry[:2]] += 1

    def add_colours(self, thumbnails: np.ndarray, colours: Sequence[Colours | None]) -> np.ndarray:
        """Take the colours of a batch.

        Args:
            thumbnails: uint8 RGB ``[n, side, side, 3]``.
            colours: Of the images at their full size; None where the thumbnail is all of the image.

        Returns:
            The thumbnails' luma in thousandths (0 to 255,000), float64 ``[n, side, side]``.
        """
        count, pixels = len(thumbnails), thumbnails.shape[1] * thumbnails.shape[2]
        # Whole numbers below 2**53 in float64: exact in any order.
        planes = thumbnails.reshape(-1, 3).T.astype(np.float64, order="C").reshape(3, count, pixels)
        sizes = np.full(count, pixels)
        sums, squares = planes.sum(2).T, np.einsum("cij,cij->ic", planes, planes)
        sharpness = np.zeros(count)
        whole = [index for index, entry in enumerate(colours) if entry is None]
        if whole:
            sharpness[whole] = sharpness_of(thumbnails if len(whole) == count else thumbnails[whole])
        for index, entry in enumerate(colours):
            if entry is not None:
                sizes[index], sums[index], squares[index], sharpness[index] = entry
        luma: np.ndarray = LUMA[0] * planes[0] + LUMA[1] * planes[1] + LUMA[2] * planes[2]
        self._add(sizes, sums, squares)
        self._histograms["contrast"].add(_deviations(luma) / 1000)
        self._histograms["sharpness"].add(sharpness)
        return luma.reshape(thumbnails.shape[:3])

    def _add(self, sizes: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> None:
        self._pixels += int(sizes.sum())
        self._sums += sums.sum(0)
        self._squares += squares.sum(0)
        self._histograms["brightness"].add(sums @ LUMA / sizes / 1000)
        total = sums.sum(1)
        for name, channel in (("red_share", 0), ("blue_share", 2)):
            self._histograms[name].add(np.where(total > 0, sums[:, channel] / np.maximum(total, 1), 1 / 3))

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
        """Return sizes, aspect ratios, and each image's brightness, colours, contrast and sharpness."""
        size, aspect = Histogram(_SIZE_EDGES), Histogram(_ASPECT_EDGES)
        for (width, height), count in self.sizes.items():
            size.counts[np.searchsorted(size.edges, math.sqrt(width * height), side="right")] += count
            aspect.counts[np.searchsorted(aspect.edges, width / height, side="right")] += count
        return {"image_size": size, "image_aspect": aspect, **self._histograms}


def _deviations(values: np.ndarray) -> np.ndarray:
    mean = values @ np.ones(values.shape[1]) / values.shape[1]
    squares = np.einsum("ij,ij->i", values, values) / values.shape[1]
    deviations: np.ndarray = np.sqrt(np.maximum(squares - mean**2, 0))
    return deviations
