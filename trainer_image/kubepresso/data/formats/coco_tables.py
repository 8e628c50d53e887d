"""The tables of a COCO file."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Category(NamedTuple):
    """A category.

    Args:
        key: Its id; ids may leave gaps.
        name: Its name.
        supercategory: The name of its group, or empty.
        keypoints: Names of keypoints, as they stand there.
        thing: Whether it is countable; panoptic data says so.
    """

    key: Any
    name: str
    supercategory: str = ""
    keypoints: Any = None
    thing: bool = True


class Images(NamedTuple):
    """The images.

    Args:
        names: ``file_name``; empty where it is not text.
        sizes: int64 ``[n, 2]``: width and height, 0 where they are not given.
    """

    names: list[str]
    sizes: np.ndarray

    def size(self, row: int) -> tuple[int, int] | None:
        """Return width and height, None where they are not given."""
        width, height = self.sizes[row].tolist()
        return (width, height) if width and height else None


class Annotations(NamedTuple):
    """The annotations.

    Args:
        image: int32 ``[n]``: row of the image, -1 where there is none of this id.
        category: int32 ``[n]``: position in the list of categories, -1 where there is none of this id.
        boxes: float64 ``[n, 4]``: x, y, width, height; NaN where it is no box.
        crowd: bool ``[n]``.
        ids: As they stand there, for messages.
        details: What the reader was asked to keep; empty if nothing.
    """

    image: np.ndarray
    category: np.ndarray
    boxes: np.ndarray
    crowd: np.ndarray
    ids: list[Any]
    details: list[Any]


class CocoTables:
    """A file, and its annotations by image.

    Args:
        categories: In the order of the file.
        images: In the order of the file.
        annotations: In the order of the file.
    """

    def __init__(self, categories: list[Category], images: Images, annotations: Annotations) -> None:
        self.categories = categories
        self.images = images
        self.annotations = annotations
        self._order = np.argsort(annotations.image, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(annotations.image[self._order], np.arange(len(images.names) + 1))

    def rows_of(self, image: int) -> np.ndarray:
        """Return the rows of an image's annotations, int32, in the order of the file."""
        return self._order[self._starts[image] : self._starts[image + 1]]

    def used(self) -> set[int]:
        """Return the positions of the categories that annotations name."""
        return set(np.unique(self.annotations.category).tolist()) - {-1}
