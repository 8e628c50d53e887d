"""One split after the other, sample by sample, into the numbers of a data set."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from kubepresso.data.statistics.colours import Colours
from kubepresso.data.statistics.distributions import Distribution
from kubepresso.data.statistics.fingerprint import FINGERPRINT_FORMAT
from kubepresso.data.statistics.images import ImageStatistics
from kubepresso.data.targets import Geometry

THUMBNAIL_SIDE = 32
"""Contrast and likeness are judged on thumbnails of this many pixels a side."""
_BATCH = 256

LumaListener = Callable[[str, np.ndarray], None]


class TargetStatistics(Protocol):
    """One task's targets in one split. Each task has a module here with a class ``Statistics``."""

    def add(self, target: Any, geometry: Geometry) -> None:
        """Take the target of the next image."""
        ...

    def numbers(self) -> dict[str, float]:
        """Return single numbers by name."""
        ...

    def distributions(self) -> dict[str, Distribution]:
        """Return distributions by name; names are known to `statistics.titles`."""
        ...


class DatasetStatistics:
    """The numbers of all splits.

    Args:
        task: ``data.task``.
        classes: Class names, for pose estimation the keypoints' names.
        listener: Called with a split and the luma of each batch of its thumbnails, in thousandths, float64
            ``[n, 32, 32]``, in sample order; None for nobody.
    """

    def __init__(self, task: str, classes: Sequence[str], listener: LumaListener | None = None) -> None:
        self._task, self._classes, self._listener = task, list(classes), listener
        self._make = importlib.import_module(f"kubepresso.data.statistics.{task}").Statistics
        self._images: dict[str, ImageStatistics] = {}
        self._targets: dict[str, TargetStatistics] = {}
        self._waiting: dict[str, list[tuple[bytes, Colours | None]]] = {}

    def add(
        self,
        split: str,
        target: Any,
        geometry: Geometry,
        thumbnail: bytes,
        colours: Colours | None = None,
    ) -> None:
        """Take the next sample of a split.

        Args:
            split: Its name.
            target: As the task has it.
            geometry: The image's size.
            thumbnail: RGB, 32 x 32 pixels.
            colours: Of the image at its full size; None where the thumbnail is all of it.
        """
        if split not in self._images:
            self._images[split] = ImageStatistics()
            self._targets[split] = self._make(self._classes)
            self._waiting[split] = []
        self._images[split].add_size(geometry)
        self._targets[split].add(target, geometry)
        waiting = self._waiting[split]
        waiting.append((thumbnail, colours))
        if len(waiting) == _BATCH:
            self._flush(split)

    def sizes(self) -> dict[tuple[int, int], int]:
        """Return how many images there are of each width and height, over all splits."""
        total: dict[tuple[int, int], int] = {}
        for images in self._images.values():
            for size, count in images.sizes.items():
                total[size] = total.get(size, 0) + count
        return total

    def fingerprint(self) -> dict[str, Any]:
        """Return all numbers as JSON: see `statistics.fingerprint`."""
        for split in self._images:
            self._flush(split)
        return {
            "format": FINGERPRINT_FORMAT,
            "task": self._task,
            "classes": self._classes,
            "splits": {split: self._of_split(split) for split in sorted(self._images)},
        }

    def _flush(self, split: str) -> None:
        waiting = self._waiting[split]
        if waiting:
            shape = (len(waiting), THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3)
            small, colours = zip(*waiting, strict=True)
            thumbnails = np.frombuffer(b"".join(small), np.uint8).reshape(shape)
            luma = self._images[split].add_colours(thumbnails, colours)
            if self._listener:
                self._listener(split, luma)
            waiting.clear()

    def _of_split(self, split: str) -> dict[str, Any]:
        images, targets = self._images[split], self._targets[split]
        distributions = {**targets.distributions(), **images.distributions()}
        return {
            "numbers": {**images.numbers(), **targets.numbers()},
            "distributions": {name: entry.as_json() for name, entry in distributions.items()},
        }
