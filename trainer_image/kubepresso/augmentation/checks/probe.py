"""A drawn sample whose pixels tell where a transform put them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from torchvision import tv_tensors

from kubepresso.augmentation.checks.seeing import find_disc
from kubepresso.sampling import IGNORE

# A triangle without symmetry around the middle of the image, in parts of the shorter side.
_TRIANGLE = ((-0.13, -0.09), (0.15, -0.04), (-0.02, 0.14))
# The smaller one more often outlasts a crop, the larger one tells more exactly.
_DISC_SIZES = (1.0, 0.6, 0.35)
# Left, upper, right, lower from the middle; none with a symmetry, so that a mirrored image shows.
_BOXES = ((-0.24, -0.2, 0.3, 0.26), (-0.4, -0.38, -0.26, -0.12), (0.1, 0.3, 0.38, 0.4))
# In parts of width and height, of the samples to join.
_OTHER_BOXES = ((0.3, 0.35, 0.75, 0.6), (0.2, 0.3, 0.5, 0.8), (0.45, 0.2, 0.8, 0.55), (0.25, 0.45, 0.6, 0.75))
_OTHERS = len(_OTHER_BOXES)
_MIDDLES = ((0.5, 0.5), (0.42, 0.55), (0.57, 0.46), (0.4, 0.42), (0.55, 0.58), (0.46, 0.4))


@dataclasses.dataclass(frozen=True)
class Probe:
    """A black image with a target, and the same with something white on it.

    Args:
        blank: The sample with nothing on it, as a recipe takes it.
        discs: The sample with a small disc at each of three places.
        places: The discs' centres, float64 ``[3, 2]``: x, y.
        filled: Of detection, the sample with each of its boxes filled.
        others: Black samples to join, each another.
        others_filled: Of detection, the same with their box filled.
    """

    blank: dict[str, Any]
    discs: list[dict[str, Any]]
    places: torch.Tensor
    filled: list[dict[str, Any]]
    others: list[dict[str, Any]]
    others_filled: list[dict[str, Any]]


def draw_probe(
    task: str, height: int, width: int, number: int, classes: int, swap: Sequence[int] = ()
) -> Probe:
    """Draw a probe.

    Args:
        task: detection, segmentation or pose_estimation.
        height: Of the image.
        width: Of the image.
        number: Another number puts it elsewhere.
        classes: Number of classes; of keypoints for poses.
        swap: Of poses, each keypoint's partner.
    """
    side = min(height, width)
    across, down = _MIDDLES[number % len(_MIDDLES)]
    middle = torch.tensor([across * width, down * height])
    black = torch.zeros(3, height, width, dtype=torch.uint8)
    blank = {**_target(task, height, width, middle, side, classes, number, swap), "image": _image(black)}
    size = _DISC_SIZES[number % len(_DISC_SIZES)]
    discs = [
        {**blank, "image": _image(_with_disc(black, middle + place, max(0.045 * size * side, 2.5)))}
        for place in torch.tensor(_TRIANGLE) * side * size
    ]
    drawn = [find_disc(black, disc["image"].as_subclass(torch.Tensor)) for disc in discs]
    # Of few pixels, a disc's centre is not quite where it was meant to be.
    places = torch.stack([disc[0] if disc else middle.double() for disc in drawn])
    if task != "detection":
        return Probe(blank, discs, places, [], [blank] * _OTHERS, [])
    others = [_other(black, index, classes) for index in range(_OTHERS)]
    filled = [_filled(blank, index) for index in range(len(blank["boxes"]))]
    return Probe(blank, discs, places, filled, others, [_filled(other, 0) for other in others])


def _image(pixels: torch.Tensor) -> tv_tensors.Image:
    return tv_tensors.Image(pixels)  # type: ignore[call-overload, no-any-return]


def _with_disc(image: torch.Tensor, place: torch.Tensor, radius: float) -> torch.Tensor:
    height, width = image.shape[-2:]
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    inside = (rows[:, None] - place[1]) ** 2 + (columns[None] - place[0]) ** 2 <= radius**2
    return image.masked_fill(inside, 255)


def _filled(sample: dict[str, Any], index: int) -> dict[str, Any]:
    left, upper, right, lower = (int(value) for value in sample["boxes"][index])
    image = sample["image"].as_subclass(torch.Tensor).clone()
    image[:, upper:lower, left:right] = 255
    return {**sample, "image": _image(image)}


def _target(
    task: str,
    height: int,
    width: int,
    middle: torch.Tensor,
    side: int,
    classes: int,
    number: int,
    swap: Sequence[int],
) -> dict[str, Any]:
    boxes = torch.cat([middle, middle]) + torch.tensor(_BOXES) * side
    if task == "segmentation":
        return {"mask": tv_tensors.Mask(_mask(boxes, height, width, classes))}
    if task == "detection":
        return _objects(boxes, height, width, range(number, number + len(_BOXES)), classes)
    points = tv_tensors.KeyPoints(middle + _spiral(classes) * side, canvas_size=(height, width))
    visibility = _visibility(swap if len(swap) == classes else range(classes), number)
    return {"boxes": _boxes(boxes[:1], height, width), "keypoints": points, "visibility": visibility}


def _objects(
    boxes: torch.Tensor, height: int, width: int, labels: Sequence[int], classes: int
) -> dict[str, Any]:
    """Return boxes of whole pixels, of different classes as far as there are some."""
    limits = torch.tensor([width, height, width, height])
    whole = boxes.round().clamp(min=0).minimum(limits)
    crowd = torch.arange(len(boxes)) % 3 == 1
    named = torch.tensor([label % classes for label in labels])
    return {"boxes": _boxes(whole, height, width), "labels": named, "crowd": crowd}


def _other(black: torch.Tensor, index: int, classes: int) -> dict[str, Any]:
    """Return a sample to join: one box, and another one for each index."""
    height, width = black.shape[-2:]
    x1, y1, x2, y2 = _OTHER_BOXES[index]
    box = torch.tensor([[x1 * width, y1 * height, x2 * width, y2 * height]])
    return {**_objects(box, height, width, [index + 1], classes), "image": _image(black)}


def _mask(boxes: torch.Tensor, height: int, width: int, classes: int) -> torch.Tensor:
    """Return a mask whose classes have others between them, which only a mixture of two can show."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    values = [classes - 1 if classes > 1 else IGNORE, IGNORE, classes // 2]
    for (left, upper, right, lower), value in zip(boxes.round().int().tolist(), values, strict=True):
        mask[max(upper, 0) : max(lower, 0), max(left, 0) : max(right, 0)] = value
    return mask


def _visibility(swap: Sequence[int], number: int) -> torch.Tensor:
    """Return visibilities int64 ``[k]`` that are not the same for both partners."""
    visibility = torch.full((len(swap),), 2)
    pairs = [(index, other) for index, other in enumerate(swap) if index < other]
    for count, (index, other) in enumerate(pairs, number):
        visibility[index if count % 2 else other] = count // 2 % 2
    return visibility


def _boxes(boxes: torch.Tensor, height: int, width: int) -> tv_tensors.BoundingBoxes:
    return tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width))  # type: ignore[call-overload]


def _spiral(count: int) -> torch.Tensor:
    """Return points ``[count, 2]`` around 0, no two mirror images of one another."""
    turn = torch.arange(count) * (math.pi * (3 - math.sqrt(5))) + 0.7
    radius = 0.05 + 0.14 * ((torch.arange(count) + 1) / count).sqrt()
    return torch.stack([radius * turn.cos(), radius * turn.sin()], 1)
