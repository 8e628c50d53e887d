"""The parts of a sample that transforms move, and what keeps them in step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors

#: Parts with a place in the image, in the order in which they are transformed.
PLACED = ("image", "mask", "boxes", "keypoints")
#: Parts with one entry for each box.
PER_BOX = ("labels", "crowd", "origin")

# Rounding leaves a box that was cut at its very edge with a sliver of this order.
_SMALLEST_SIDE = 1e-2


def enter(sample: dict[str, Any]) -> dict[str, Any]:
    """Return a sample for the transforms: a plain tensor as image spares each operation a wrapper."""
    return {**sample, "image": sample["image"].as_subclass(Tensor)}


def leave(sample: dict[str, Any]) -> dict[str, Any]:
    """Return what a recipe gives: plain tensors, with boxes and keypoints held against the image."""
    if "boxes" in sample:
        sample = drop_empty(sample) if "labels" in sample else clamp(sample)
    if "keypoints" in sample:
        sample = hide_outside(sample)
    plain = {key: sample[key].as_subclass(Tensor) for key in PLACED if key in sample}
    return {**sample, **plain}


def size_of(sample: dict[str, Any]) -> tuple[int, int]:
    """Return the image's height and width."""
    height, width = sample["image"].shape[-2:]
    return int(height), int(width)


def as_boxes(boxes: Tensor, size: tuple[int, int]) -> tv_tensors.BoundingBoxes:
    """Return boxes ``[n, 4]`` x1, y1, x2, y2 of an image of a height and width."""
    return tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=size)  # type: ignore[call-overload]


def keep(sample: dict[str, Any], chosen: Tensor) -> dict[str, Any]:
    """Keep some boxes and what goes with each.

    Args:
        sample: With boxes.
        chosen: bool ``[n]``.
    """
    if bool(chosen.all()):
        return sample
    kept = {key: sample[key][chosen] for key in PER_BOX if key in sample}
    boxes = as_boxes(sample["boxes"].as_subclass(Tensor)[chosen], sample["boxes"].canvas_size)
    return {**sample, **kept, "boxes": boxes}


def clamp(sample: dict[str, Any]) -> dict[str, Any]:
    """Cut the boxes at the borders of the image."""
    height, width = size_of(sample)
    boxes = sample["boxes"].as_subclass(Tensor)
    limits = torch.tensor([width, height, width, height], dtype=boxes.dtype)
    return {**sample, "boxes": as_boxes(boxes.clamp(min=0).minimum(limits), (height, width))}


def drop_empty(sample: dict[str, Any]) -> dict[str, Any]:
    """Cut the boxes at the borders and drop those without an area, with what goes with them."""
    sample = clamp(sample)
    boxes = sample["boxes"].as_subclass(Tensor)
    return keep(sample, ((boxes[:, 2:] - boxes[:, :2]) > _SMALLEST_SIDE).all(1))


def hide_outside(sample: dict[str, Any]) -> dict[str, Any]:
    """Set the visibility of keypoints outside the image to 0; its borders are inside."""
    height, width = size_of(sample)
    points = sample["keypoints"].as_subclass(Tensor)
    inside = ((points >= 0) & (points <= points.new_tensor([width, height]))).all(-1)
    return {**sample, "visibility": sample["visibility"] * inside}


def areas(boxes: Tensor) -> Tensor:
    """Return the areas of boxes ``[n, 4]``."""
    plain = boxes.as_subclass(Tensor)
    return (plain[:, 2:] - plain[:, :2]).prod(1)
