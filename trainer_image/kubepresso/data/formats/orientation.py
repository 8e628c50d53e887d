"""Annotations made on the stored pixels of an image, turned upright as its EXIF orientation says.

The eight orientations are those of the tag 0x0112 in Exif 2.32 (CIPA DC-008), section 4.6.4.
"""

from __future__ import annotations

import numpy as np

from kubepresso.data.targets import Geometry, LabelProblemError

_MIRROR_X = frozenset({2, 3, 7, 8})
_MIRROR_Y = frozenset({3, 4, 6, 7})
_TRANSPOSE = frozenset({5, 6, 7, 8})


def needs_turn(stated: tuple[int, int] | None, geometry: Geometry, what: str) -> bool:
    """Say whether an annotation was made on the stored image, not on the upright one.

    Args:
        stated: Width and height that the annotation gives; None where it gives none, and upright is meant.
        geometry: Of the image.
        what: What gives the size, for the message.

    Raises:
        LabelProblemError: The size is neither that of the upright nor that of the stored image.
    """
    upright = (geometry.width, geometry.height)
    if stated is None or stated == upright:
        return False
    if stated == geometry.stored:
        return True
    raise LabelProblemError(
        f"{what} is for {stated[0]} x {stated[1]} pixels, the image has {upright[0]} x {upright[1]}"
    )


def turn_points(points: np.ndarray, geometry: Geometry, last: int = 0) -> np.ndarray:
    """Turn points of the stored image upright.

    Args:
        points: float ``[..., 2]``: x, y.
        geometry: Of the image.
        last: 0 where coordinates count from edge to edge (boxes), 1 where they are indexes of pixels
            (keypoints), of which the last is one less than the size.

    Returns:
        float ``[..., 2]``.
    """
    width, height = geometry.stored
    x, y = points[..., 0], points[..., 1]
    if geometry.orientation in _MIRROR_X:
        x = width - last - x
    if geometry.orientation in _MIRROR_Y:
        y = height - last - y
    return np.stack((y, x) if geometry.orientation in _TRANSPOSE else (x, y), axis=-1)


def turn_boxes(boxes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Turn boxes of the stored image upright; xyxy in and out, float ``[n, 4]``."""
    corners = turn_points(boxes.reshape(-1, 2, 2), geometry)
    return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)


def turn_mask(pixels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Turn a mask of the stored image upright; ``[height, width]`` of the stored image in."""
    if geometry.orientation in _MIRROR_X:
        pixels = pixels[:, ::-1]
    if geometry.orientation in _MIRROR_Y:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels.T if geometry.orientation in _TRANSPOSE else pixels)
