"""The targets of the four tasks as plain arrays. Coordinates are pixels of the upright image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kubepresso.sampling import IGNORE as IGNORE


class Geometry(NamedTuple):
    """What decoding an image tells about its coordinates.

    Args:
        width: Of the upright image, in pixels.
        height: Of the upright image, in pixels.
        orientation: EXIF orientation, 1 to 8; 1 where the stored image is upright already.
    """

    width: int
    height: int
    orientation: int = 1

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height as stored, before the orientation is applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


@dataclasses.dataclass(frozen=True)
class Objects:
    """Detection: the boxes of an image.

    Args:
        boxes: float64 ``[n, 4]``: x1, y1, x2, y2 in pixels; 0 is the left or upper edge of the first pixel.
        labels: int64 ``[n]``, class indexes.
        crowd: bool ``[n]``: a group (COCO ``iscrowd``) or an object marked difficult (VOC), which is not
            trained on and does not count as a miss.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray


@dataclasses.dataclass(frozen=True)
class ClassMask:
    """Segmentation: the class of each pixel.

    Args:
        pixels: uint8 ``[height, width]``: class indexes, `IGNORE` where there is none.
    """

    pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class Poses:
    """Pose estimation: the instances of an image.

    Args:
        boxes: float64 ``[n, 4]``: x1, y1, x2, y2 in pixels.
        keypoints: float64 ``[n, k, 3]``: x, y in pixels and visibility as in COCO: 0 not labelled, 1 labelled
            and hidden, 2 visible.
    """

    boxes: np.ndarray
    keypoints: np.ndarray


class Keypoint(NamedTuple):
    """One keypoint of a skeleton.

    Args:
        name: Its name, for example ``left_eye``.
        swap: Index of the keypoint that it changes places with when the image is mirrored; its own where
            none.
        colour: For pictures; None to choose one.
    """

    name: str
    swap: int
    colour: tuple[int, int, int] | None = None


Target = int | Objects | ClassMask | Poses
"""Of one sample; a class index for classification."""


class LabelProblemError(ValueError):
    """A label that cannot be used; its text says what is wrong and what is allowed.

    Args:
        problem: The text.
        place: ``file:line`` where that is another than the sample's own.
    """

    def __init__(self, problem: str, place: str | None = None) -> None:
        super().__init__(problem)
        self.place = place


TargetSource = Callable[[Geometry], Any]
"""Makes a sample's `Target` once its image is decoded: relative boxes need its size, and masks are read then.

Raises `LabelProblemError`.
"""
