"""What is wrong with boxes, for the tasks that have them."""

from __future__ import annotations

import numpy as np

from kubepresso.data.targets.kinds import Geometry

TOLERANCE = 1.0
"""Pixels by which a box may leave the image: tools round, and relative coordinates have few digits."""


def box_problems(boxes: np.ndarray, geometry: Geometry, inside: bool = True) -> list[str]:
    """Say which boxes are not finite, have no area, or leave the image.

    Args:
        boxes: float64 ``[n, 4]``, x1, y1, x2, y2.
        geometry: Of the image.
        inside: Whether a box must lie inside the image, within `TOLERANCE`; else it must overlap it.
    """
    problems = []
    for number, box in enumerate(boxes):
        reason = _problem(box, geometry, inside)
        if reason:
            corners = ", ".join(f"{value:.6g}" for value in box)
            problems.append(f"box {number} ({corners}) {reason}")
    return problems


def _problem(box: np.ndarray, geometry: Geometry, inside: bool) -> str | None:
    left, top, right, bottom = box.tolist()
    if not np.isfinite(box).all():
        return "is not finite"
    if right <= left or bottom <= top:
        return "has no area; x1 < x2 and y1 < y2 are needed"
    width, height = geometry.width, geometry.height
    over = max(-left, -top, right - width, bottom - height)
    outside = left >= width or top >= height or right <= 0 or bottom <= 0
    if outside or (inside and over > TOLERANCE):
        return f"lies outside the image, which is {width} x {height} pixels"
    return None
