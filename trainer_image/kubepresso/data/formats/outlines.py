"""Outlines of COCO's annotations: polygons, or run-length encodings, and the pixels inside.

Run-length encodings are those of the COCO API (maskApi.c, rleFrString): runs of 0 and 1 in turn, down the
columns.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, NamedTuple

import numpy as np

_FARTHEST = 1e7
_EDGES_AT_ONCE = 1024
_MOST_RUNS = 1 << 24


class Polygons(NamedTuple):
    """Polygons, each as x, y, x, y, ...; their union is meant."""

    parts: list[array[float]]


class Runs(NamedTuple):
    """A run-length encoding; counts are compressed if they are text.

    Args:
        height: Of the mask.
        width: Of the mask.
        counts: Lengths of the runs.
    """

    height: int
    width: int
    counts: bytes | array[int]


def outline_of(annotation: dict[str, Any]) -> Polygons | Runs | None:
    """Return what ``segmentation`` says, compactly; None where it is neither polygons nor runs."""
    value: Any = annotation.get("segmentation")
    try:
        if isinstance(value, list):
            parts = [array("d", part) for part in value]
            good = all(len(part) >= 6 and len(part) % 2 == 0 for part in parts)
            return Polygons(parts) if parts and good else None
        height, width = value["size"]
        counts = value["counts"]
        runs = counts.encode("ascii") if isinstance(counts, str) else array("q", counts)
        return Runs(height, width, runs) if isinstance(height, int) and isinstance(width, int) else None
    except (TypeError, ValueError, KeyError, OverflowError):
        return None


def pixels_in(outline: Polygons | Runs, height: int, width: int) -> np.ndarray:
    """Return the pixels inside, bool ``[height, width]``.

    A pixel is inside a polygon if its centre is, by the even-odd rule.

    Raises:
        ValueError: It is of another size, runs do not fill the mask, or a polygon is not of finite numbers.
    """
    if isinstance(outline, Runs):
        if (outline.height, outline.width) != (height, width):
            raise ValueError(
                f"runs are for {outline.width} x {outline.height} pixels, the image has {width} x {height}"
            )
        counts = expand_counts(outline.counts) if isinstance(outline.counts, bytes) else outline.counts
        return _fill_runs(counts, height, width)
    inside = np.zeros((height, width), np.bool_)
    for part in outline.parts:
        inside |= fill_polygon(np.array(part).reshape(-1, 2), height, width)
    return inside


def expand_counts(text: bytes) -> list[int]:
    """Read compressed runs: five bits a character from 48 on, the sixth bit says that more follow.

    From the third run on, what stands there is the difference to the run before the last.

    Raises:
        ValueError: It is not such a text.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        digit = character - 48
        if not 0 <= digit < 64 or shift > 60:
            raise ValueError("its runs are not COCO's compressed text")
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("its runs end in the middle of a number")
    return counts


def _fill_runs(counts: array[int] | list[int], height: int, width: int) -> np.ndarray:
    if len(counts) > _MOST_RUNS or any(count < 0 for count in counts) or sum(counts) != height * width:
        raise ValueError(f"its runs do not fill {width} x {height} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, np.asarray(counts, np.int64)).reshape(width, height).T


def fill_polygon(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the pixels whose centres are inside a polygon, bool ``[height, width]``.

    Each row's line of centres crosses edges; a pixel is inside if an odd number of crossings lie to its left.

    Args:
        points: float ``[n, 2]``: x, y of the corners.
        height: Of the image.
        width: Of the image.

    Raises:
        ValueError: A corner is not finite, or absurdly far away.
    """
    if not np.isfinite(points).all() or np.abs(points).max(initial=0) > _FARTHEST:
        raise ValueError("a polygon's corners are not finite numbers near the image")
    first = min(max(math.ceil(points[:, 1].min() - 0.5), 0), height)
    last = max(min(math.ceil(points[:, 1].max() - 0.5), height), first)
    centres = np.arange(first, last)[:, None] + 0.5
    crossings = np.zeros((last - first, width + 1), np.int32)
    following = np.roll(points, -1, axis=0)
    for start in range(0, len(points), _EDGES_AT_ONCE):
        x, y = points[start : start + _EDGES_AT_ONCE].T
        next_x, next_y = following[start : start + _EDGES_AT_ONCE].T
        rows, edges = np.nonzero((y <= centres) != (next_y <= centres))
        share = (centres[rows, 0] - y[edges]) / (next_y[edges] - y[edges])
        at = x[edges] + share * (next_x[edges] - x[edges])
        columns = np.clip(np.ceil(at - 0.5), 0, width).astype(np.int64)
        np.add.at(crossings, (rows, columns), 1)
    inside = np.zeros((height, width), np.bool_)
    inside[first:last] = crossings.cumsum(axis=1)[:, :width] % 2 == 1
    return inside
