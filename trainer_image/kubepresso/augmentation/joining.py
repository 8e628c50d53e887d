"""Several samples with boxes made into one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import Sample
from kubepresso.augmentation.parts import PER_BOX, areas, as_boxes, keep, size_of

# Of YOLOX: an object must keep this share of its box, and neither side may be so many times the other.
_LEAST_SHARE = 0.2
_GREATEST_ASPECT = 20.0


def canvas_of(size: tuple[int, int], fill: float | Sequence[float]) -> Tensor:
    """Return an image of one colour, uint8 ``[3, height, width]``."""
    colour = torch.as_tensor(fill, dtype=torch.uint8).reshape(-1, 1, 1)
    return colour.expand(3, *size).clone()


def fitted(sample: Sample, size: tuple[int, int]) -> Sample:
    """Resize image and boxes to the largest that fits into a height and width, aspect kept."""
    height, width = size_of(sample)
    factor = min(size[0] / height, size[1] / width)
    target = [max(int(height * factor), 1), max(int(width * factor), 1)]
    image = F.resize_image(sample["image"].as_subclass(Tensor), target, antialias=True)
    return {**sample, "image": image, "boxes": F.resize(sample["boxes"], target)}


def pasted(canvas: Tensor, sample: Sample, top: int, left: int) -> Sample:
    """Write a sample's image onto a canvas, in place, and return the sample with its boxes moved there.

    Args:
        canvas: ``[3, H, W]``.
        sample: Its image may reach over the canvas.
        top: Of the image's upper edge on the canvas; may be negative.
        left: Of the image's left edge.
    """
    height, width = size_of(sample)
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = min(top + height, canvas.shape[1]), min(left + width, canvas.shape[2])
    if y2 > y1 and x2 > x1:
        canvas[:, y1:y2, x1:x2] = sample["image"][:, y1 - top : y2 - top, x1 - left : x2 - left]
    boxes = sample["boxes"].as_subclass(Tensor)
    moved = boxes + boxes.new_tensor([left, top, left, top])
    return {**sample, "boxes": as_boxes(moved, (canvas.shape[1], canvas.shape[2]))}


def joined(first: Sample, others: Sequence[Sample], image: Tensor) -> Sample:
    """Return one sample with the boxes of all, and an image; the first one's other parts stay."""
    given = [first, *(_foreign(other) for other in others)]
    parts = {key: torch.cat([one[key] for one in given]) for key in PER_BOX if key in first}
    boxes = torch.cat([one["boxes"].as_subclass(Tensor) for one in given])
    size = (image.shape[1], image.shape[2])
    return {**first, **parts, "image": image, "boxes": as_boxes(boxes, size)}


def _foreign(sample: Sample) -> Sample:
    return {**sample, "origin": torch.full((len(sample["labels"]),), -1)}


def keep_visible(sample: Sample, seen: Tensor, least_side: float) -> Sample:
    """Replace boxes by what is seen of them, where that is enough.

    Args:
        sample: Its boxes as they would be on a larger image.
        seen: The same boxes cut, ``[n, 4]``.
        least_side: In pixels, the shorter sides must be longer.
    """
    share = areas(seen) / areas(sample["boxes"]).clamp(min=1e-9)
    sides = seen[:, 2:] - seen[:, :2]
    shorter, longer = sides.amin(1), sides.amax(1)
    chosen = (share > _LEAST_SHARE) & (shorter > least_side) & (longer < _GREATEST_ASPECT * shorter)
    return keep({**sample, "boxes": as_boxes(seen, size_of(sample))}, chosen)


def cut(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return boxes ``[n, 4]`` cut at the borders of a height and width."""
    height, width = size
    plain = boxes.as_subclass(Tensor)
    return plain.clamp(min=0).minimum(plain.new_tensor([width, height, width, height]))
