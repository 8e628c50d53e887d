"""Boxes as annotated, checked against the image that they lie in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.targets import Geometry, Objects

_ROUNDING_PIXELS = 1.0
_ROUNDING_SHARE = 0.01


def check_boxes(
    boxes: np.ndarray,
    geometry: Geometry,
    places: Sequence[str],
    problems: LabelProblems,
    least_inside: float = 1.0,
) -> np.ndarray:
    """Clip boxes that reach over the edge by rounding, and report those that cannot be.

    Rounding is at most one pixel or one percent of the image's side, whichever is more.

    Args:
        boxes: float64 ``[n, 4]``, xyxy in pixels of the upright image.
        geometry: Of the image.
        places: Where each box stands.
        problems: Receives boxes that are not numbers, have no size, or lie outside.
        least_inside: Share of a box's area from which one that reaches further over the edge is clipped, too.

    Returns:
        The clipped boxes, float64 ``[n, 4]``.
    """
    size = np.array([geometry.width, geometry.height] * 2, np.float64)
    slack = np.maximum(_ROUNDING_PIXELS, size * _ROUNDING_SHARE)
    clipped: np.ndarray = np.clip(boxes, 0, size)
    finite: np.ndarray = np.isfinite(boxes).all(axis=1)
    empty = _without_area(boxes)
    beyond = (np.abs(boxes - clipped) > slack).any(axis=1) & ~(_share(clipped, boxes) >= least_inside)
    outside = beyond | _without_area(clipped)
    for index in np.flatnonzero(~finite | empty | outside).tolist():
        if not finite[index]:
            what = "has coordinates that are not finite numbers"
        elif empty[index]:
            what = "has no width or no height"
        else:
            what = f"reaches outside the image of {geometry.width} x {geometry.height} pixels"
        problems.add(places[index], f"box {_written(boxes[index])} {what}")
    return clipped


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the share of the area, float64 ``[n]``; NaN where there is none."""
    with np.errstate(all="ignore"):  # what is not finite or has no area is reported as such
        sides = (part[:, 2:] - part[:, :2]) / (whole[:, 2:] - whole[:, :2])
        return np.asarray(sides.prod(axis=1))


def _without_area(boxes: np.ndarray) -> np.ndarray:
    return np.asarray((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))


def as_objects(boxes: np.ndarray, labels: Sequence[int], crowd: Sequence[bool]) -> Objects:
    """Return the objects of an image in the types of `Objects`.

    Args:
        boxes: float64 ``[n, 4]``.
        labels: Class index of each.
        crowd: Whether each is a group or marked difficult.
    """
    return Objects(
        np.ascontiguousarray(boxes, np.float64).reshape(-1, 4),
        np.asarray(labels, np.int64).reshape(-1),
        np.asarray(crowd, np.bool_).reshape(-1),
    )


def _written(box: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in box) + ")"
