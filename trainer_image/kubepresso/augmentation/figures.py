"""What samples hold before and after a recipe, in numbers: boxes and their sizes, class shares, keypoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from kubepresso.augmentation.inventory import areas_inside, held
from kubepresso.sampling import IGNORE

Sample = dict[str, Any]

# The bounds of COCO's evaluation, in square pixels.
_SIZES = (("small (area < 32²)", 0, 32**2), ("medium", 32**2, 96**2), ("large (area ≥ 96²)", 96**2, 1e18))
_MOST_CLASSES = 40


@dataclasses.dataclass(frozen=True)
class Figure:
    """One row: a quantity before and after the recipe.

    Args:
        name: What is counted.
        before: In the samples.
        after: In the results.
        unit: "" for numbers, "%" for shares.
        metric: Its name as a metric; None for rows that are in the report alone.
    """

    name: str
    before: float
    after: float
    unit: str = ""
    metric: str | None = None


def compare(
    task: str, sources: Sequence[Sample], results: Sequence[Sample], classes: Sequence[str]
) -> list[Figure]:
    """Compare samples with what a recipe makes of them.

    Args:
        task: ``data.task``.
        sources: The samples before the recipe.
        results: The same after it.
        classes: Class names; keypoint names for poses.

    Returns:
        Rows for the report; none for classification.
    """
    if not results or task not in _FIGURES:
        return []
    return _FIGURES[task](sources, results, classes)


def _per_class(
    task: str, sources: Sequence[Sample], results: Sequence[Sample], classes: Sequence[str]
) -> list[Figure]:
    before, after = (
        torch.stack([held(task, sample, len(classes)) for sample in samples]).sum(0).tolist()
        for samples in (sources, results)
    )
    return [Figure(*row) for row in zip(classes, before, after, strict=True) if row[1] or row[2]][
        :_MOST_CLASSES
    ]


def _boxes(sources: Sequence[Sample], results: Sequence[Sample], classes: Sequence[str]) -> list[Figure]:
    before, after = (_areas(samples) for samples in (sources, results))
    sizes = [
        Figure(f"{name} boxes", _between(before, low, high), _between(after, low, high))
        for name, low, high in _SIZES
    ]
    return [
        Figure("boxes", len(before), len(after), metric="boxes"),
        Figure("boxes an image", len(before) / len(sources), len(after) / len(results)),
        Figure("median side of a box, pixels", _side(before), _side(after), metric="median_box_side"),
        *sizes,
        *_per_class("detection", sources, results, classes),
    ]


def _areas(samples: Sequence[Sample]) -> torch.Tensor:
    found = torch.cat([areas_inside(sample["boxes"].float(), sample["image"]) for sample in samples])
    return found[found > 0]


def _between(found: torch.Tensor, low: float, high: float) -> int:
    return int(((found >= low) & (found < high)).sum())


def _side(found: torch.Tensor) -> float:
    return float(found.sqrt().median()) if len(found) else 0.0


def _masks(sources: Sequence[Sample], results: Sequence[Sample], classes: Sequence[str]) -> list[Figure]:
    before, after = (_shares(samples) for samples in (sources, results))
    rows = [
        Figure(name, float(before[index]), float(after[index]), "%")
        for index, name in enumerate(classes)
        if before[index] or after[index]
    ]
    ignored = Figure("no class (255)", float(before[IGNORE]), float(after[IGNORE]), "%", "no_class_percent")
    return [ignored, *rows[:_MOST_CLASSES]]


def _shares(samples: Sequence[Sample]) -> torch.Tensor:
    """Return the percentage of each value, images weighing the same whatever their size."""
    counts = [
        torch.bincount(sample["mask"].flatten().long(), minlength=IGNORE + 1) / sample["mask"].numel()
        for sample in samples
    ]
    return 100 * torch.stack(counts).mean(0)


def _poses(sources: Sequence[Sample], results: Sequence[Sample], classes: Sequence[str]) -> list[Figure]:
    rows = _per_class("pose_estimation", sources, results, classes)
    before, after = (
        sum(int(held("pose_estimation", sample, len(classes)).sum()) for sample in samples)
        for samples in (sources, results)
    )
    return [
        Figure("visible keypoints", before, after, metric="visible_keypoints"),
        Figure("visible keypoints an instance", before / len(sources), after / len(results)),
        *rows,
    ]


_FIGURES = {"detection": _boxes, "segmentation": _masks, "pose_estimation": _poses}
