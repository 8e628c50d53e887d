"""Pictures for the report, chosen while the data streams by."""

from __future__ import annotations

import heapq
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from kubepresso.data.inspection import Inspected
from kubepresso.data.targets import ClassMask, Keypoint, Objects, Poses
from kubepresso.reporting.pictures import (
    class_colour,
    draw_boxes,
    draw_keypoints,
    draw_mask,
    picture_uri,
    thumbnail,
)

PICTURES_PER_GROUP = 8
MOST_CLASSES = 100
SMALL, LARGE = 96, 330


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
        keypoints: For pose estimation, for their colours.
    """

    def __init__(self, classes: Sequence[str], keypoints: Sequence[Keypoint] = ()) -> None:
        self._classes = classes
        self._colours = [point.colour or class_colour(index) for index, point in enumerate(keypoints)]
        self._heaps: dict[str, list[tuple[int, Picture]]] = {}

    def add(self, split: str, inspected: Inspected) -> None:
        """Take the next good sample."""
        assert inspected.record is not None
        target = inspected.record.target
        group = self._classes[target] if isinstance(target, int) else split
        if isinstance(target, int) and target >= MOST_CLASSES:
            return
        heap = self._heaps.setdefault(group, [])
        rank = -int.from_bytes(inspected.bytes_digest[:8], "big")
        if len(heap) < PICTURES_PER_GROUP:
            heapq.heappush(heap, (rank, self._picture(inspected, target)))
        elif rank > heap[0][0]:
            heapq.heapreplace(heap, (rank, self._picture(inspected, target)))

    def groups(self) -> list[tuple[str, list[Picture]]]:
        """Return the pictures of each class or split."""
        classes = {name: index for index, name in enumerate(self._classes)}
        names = sorted(self._heaps, key=lambda name: classes.get(name, 0))
        return [(name, [picture for _, picture in sorted(self._heaps[name])]) for name in names]

    def _picture(self, inspected: Inspected, target: Any) -> Picture:
        image = open_upright(inspected.sample.image_bytes)
        drawn = self._drawn(image, target)
        return Picture(picture_uri(drawn), inspected.sample.path, drawn.width)

    def _drawn(self, image: Image.Image, target: Any) -> Image.Image:
        if isinstance(target, Objects):
            drawn = thumbnail(image, LARGE)
            colours = [class_colour(int(label)) for label in target.labels]
            names = [self._classes[label] for label in target.labels]
            draw_boxes(drawn, target.boxes * _scale(image, drawn), colours, names, target.crowd.tolist())
            return drawn
        if isinstance(target, ClassMask):
            return draw_mask(thumbnail(image, LARGE), target.pixels)
        if isinstance(target, Poses):
            drawn = thumbnail(image, LARGE)
            draw_boxes(drawn, target.boxes * _scale(image, drawn), [(255, 255, 255)] * len(target.boxes))
            scaled = target.keypoints.copy()
            scaled[..., :2] *= _scale(image, drawn)[:2]
            draw_keypoints(drawn, scaled, self._colours)
            return drawn
        return thumbnail(image, SMALL)


def open_upright(image_bytes: bytes) -> Image.Image:
    """Decode an image and turn it upright, RGB."""
    with Image.open(io.BytesIO(image_bytes)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _scale(image: Image.Image, drawn: Image.Image) -> np.ndarray:
    across, down = drawn.width / image.width, drawn.height / image.height
    return np.array([across, down, across, down])
