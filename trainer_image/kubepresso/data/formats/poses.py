"""Instances as annotated, checked against their image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kubepresso.data.formats.boxes import check_boxes
from kubepresso.data.formats.orientation import turn_boxes, turn_points
from kubepresso.data.formats.problems import LabelProblems
from kubepresso.data.targets import Geometry, Poses

_LEAST_INSIDE = 0.5


def make_poses(
    boxes: Sequence[Sequence[float]],
    keypoints: Sequence[Sequence[float]],
    count: int,
    geometry: Geometry,
    places: Sequence[str],
    problems: LabelProblems,
    turn: bool = False,
) -> Poses:
    """Check the instances of an image.

    A body or face often goes on past the edge: a keypoint outside is one that is not labelled, and a box of
    which at least half lies inside is clipped.

    Args:
        boxes: xyxy in pixels.
        keypoints: For each instance ``x, y, v`` of each keypoint in one row.
        count: Number of keypoints.
        geometry: Of the image.
        places: Where each instance stands.
        problems: Receives what is no number, has another visibility than 0, 1, 2, or lies outside as a whole.
        turn: Whether coordinates are those of the stored image.
    """
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    points = np.array(keypoints, np.float64).reshape(-1, count, 3)
    if turn:
        corners = turn_boxes(corners, geometry)
        points = np.concatenate((turn_points(points[..., :2], geometry, 1), points[..., 2:]), axis=-1)
    corners = check_boxes(corners, geometry, places, problems, _LEAST_INSIDE)
    return Poses(corners, _check_points(points, geometry, places, problems))


def _check_points(
    points: np.ndarray, geometry: Geometry, places: Sequence[str], problems: LabelProblems
) -> np.ndarray:
    labelled = points[..., 2] > 0
    visibility = np.isin(points[..., 2], (0, 1, 2))
    finite = np.isfinite(points).all(axis=-1)
    for row, column in np.argwhere(~visibility | (labelled & ~finite)):
        x, y, v = points[row, column]
        where = f"keypoint {column} ({x:.6g}, {y:.6g}, {v:.6g})"
        if np.isfinite(v) and not visibility[row, column]:
            problems.add(places[row], f"{where} has another visibility than 0, 1 or 2")
        else:
            problems.add(places[row], f"{where} is not made of finite numbers")
    size = np.array([geometry.width, geometry.height], np.float64)
    slack = np.maximum(1.0, size * 0.01)
    inside = labelled & ((points[..., :2] >= -slack) & (points[..., :2] <= size + slack)).all(axis=-1)
    usable = (finite | ~labelled).all(axis=1)
    for row in np.flatnonzero(usable & labelled.any(axis=1) & ~inside.any(axis=1)).tolist():
        message = f"all keypoints lie outside the image of {geometry.width} x {geometry.height} pixels"
        problems.add(places[row], message)
    kept = points.copy()
    kept[..., :2] = np.clip(kept[..., :2], 0, size)
    kept[~inside] = 0  # what is not labelled, or not in the image, has no place
    return kept
