"""Pictures for the report, chosen while the data streams by and drawn at the end."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from kubepresso.data.pixels import decode_upright
from kubepresso.data.prepared import Sample, SplitReader
from kubepresso.data.targets import Objects, Poses
from kubepresso.data.targets.segmentation import StoredMask
from kubepresso.reporting.palette import UNKNOWN, Colour
from kubepresso.reporting.pictures import draw_boxes, draw_keypoints, draw_mask, picture_uri, thumbnail

PICTURES_PER_GROUP = 8
MOST_CLASSES = 100
SMALL, LARGE = 96, 330
_INVERTED = bytes(range(255, -1, -1))


class Picture(NamedTuple):
    """A sample as the report shows it.

    Args:
        uri: ``data:`` URI of the image with its target drawn.
        path: Name inside the source.
        width: In pixels.
    """

    uri: str
    path: str
    width: int


class Gallery:
    """Some pictures of each class (classification) or of each split (other tasks).

    They are those with the smallest digests: a fair sample, which the order of the data does not change.

    Args:
        classes: Class names; for classification the first hundred get pictures.
        colours: One for each of them.
    """

    def __init__(self, classes: Sequence[str], colours: Sequence[Colour]) -> None:
        self._classes = classes
        self._colours = colours
        self._seen: dict[str, int] = {}
        self._heaps: dict[str | int, list[tuple[bytes, str, int]]] = {}

    def add(self, split: str, target: Any, bytes_digest: bytes) -> None:
        """Take the next sample of a split."""
        index = self._seen.get(split, 0)
        self._seen[split] = index + 1
        group = int(target) if isinstance(target, int | np.integer) else split
        heap = self._heaps.setdefault(group, [])
        rank = bytes_digest.translate(_INVERTED)
        if len(heap) < PICTURES_PER_GROUP:
            heapq.heappush(heap, (rank, split, index))
        elif rank > heap[0][0]:
            heapq.heapreplace(heap, (rank, split, index))

    def draw(self, readers: Mapping[str, SplitReader]) -> list[tuple[str, list[Picture]]]:
        """Return the pictures of each class or split, read from what was prepared."""
        order: list[str | int] = [*range(min(len(self._classes), MOST_CLASSES)), *readers]
        return [
            (
                self._classes[group] if isinstance(group, int) else group,
                [self._picture(readers[split][index]) for _, split, index in sorted(self._heaps[group])],
            )
            for group in order
            if group in self._heaps
        ]

    def _picture(self, sample: Sample) -> Picture:
        drawn = self._drawn(decode_upright(sample.image_bytes)[0], sample.target)
        return Picture(picture_uri(drawn), sample.path, drawn.width)

    def _drawn(self, image: Image.Image, target: Any) -> Image.Image:
        if isinstance(target, Objects):
            drawn = thumbnail(image, LARGE)
            colours = [self._colours[label] for label in target.labels]
            names = [self._classes[label] for label in target.labels]
            draw_boxes(drawn, target.boxes * _scale(image, drawn), colours, names, target.crowd.tolist())
            return drawn
        if isinstance(target, StoredMask):
            return draw_mask(thumbnail(image, LARGE), target.pixels, self._colours)
        if isinstance(target, Poses):
            drawn = thumbnail(image, LARGE)
            draw_boxes(drawn, target.boxes * _scale(image, drawn), [UNKNOWN] * len(target.boxes))
            scaled = target.keypoints.copy()
            scaled[..., :2] *= _scale(image, drawn)[:2]
            draw_keypoints(drawn, scaled, self._colours)
            return drawn
        return thumbnail(image, SMALL)


def _scale(image: Image.Image, drawn: Image.Image) -> np.ndarray:
    across, down = drawn.width / image.width, drawn.height / image.height
    return np.array([across, down, across, down])
