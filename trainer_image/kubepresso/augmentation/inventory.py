"""What a sample holds: boxes, mask classes or keypoints, counted."""

from __future__ import annotations

from typing import Any

import torch

UNITS = {"detection": "boxes", "segmentation": "classes in masks", "pose_estimation": "visible keypoints"}
"""What is counted, by task, in the plural; a task that is not here has nothing to lose."""


def held(task: str, sample: dict[str, Any], classes: int) -> torch.Tensor:
    """Count what a sample holds of each class.

    Args:
        task: ``data.task``.
        sample: A sample of the task, at any stage of a recipe.
        classes: Number of classes; of keypoints for poses.

    Returns:
        int64 ``[classes]``: boxes with an area inside the image; 1 for a class that the mask has; 1 for a
        keypoint that is labelled and inside the image. Zeros for classification.
    """
    if task == "detection":
        return _boxes(sample, classes, torch.ones(len(sample["labels"]), dtype=torch.bool))
    if task == "segmentation":
        values = sample["mask"].flatten().long()
        counts: torch.Tensor = torch.bincount(values[(values >= 0) & (values < classes)], minlength=classes)
        return counts.clamp(max=1)
    if task == "pose_estimation":
        return inside(sample["keypoints"], sample["image"]).logical_and(sample["visibility"] > 0).long()
    return torch.zeros(classes, dtype=torch.int64)


def held_of_its_own(task: str, sample: dict[str, Any], classes: int) -> torch.Tensor:
    """Count as `held` does, without the boxes that a transform took from other images."""
    if task != "detection" or len(sample.get("origin", ())) != len(sample["labels"]):
        return held(task, sample, classes)
    return _boxes(sample, classes, sample["origin"] >= 0)


def _boxes(sample: dict[str, Any], classes: int, chosen: torch.Tensor) -> torch.Tensor:
    chosen = chosen & (areas_inside(sample["boxes"], sample["image"]) > 0)
    return torch.bincount(sample["labels"][chosen], minlength=classes)[:classes]


def areas_inside(boxes: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Return the part of each box inside the image, in square pixels, ``[n]``."""
    height, width = image.shape[-2:]
    low, high = boxes[:, :2].clamp(min=0), boxes[:, 2:].minimum(boxes.new_tensor([width, height]))
    return (high - low).clamp(min=0).prod(1)


def inside(points: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Return which points ``[n, 2]`` lie in the image, its borders included, bool ``[n]``."""
    height, width = image.shape[-2:]
    return ((points >= 0) & (points <= points.new_tensor([width, height]))).all(-1)
