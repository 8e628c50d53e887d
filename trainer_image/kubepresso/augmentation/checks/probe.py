"""A drawn sample whose pixels tell where a transform put them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torchvision import tv_tensors

from kubepresso.augmentation.inventory import IGNORE

_LEAST_AREA = 4
_LARGEST_PART = 0.25
# A triangle without symmetry around the middle of the image, in parts of the shorter side.
_TRIANGLE = ((-0.13, -0.09), (0.15, -0.04), (-0.02, 0.14))
_MIDDLES = ((0.5, 0.5), (0.42, 0.55), (0.57, 0.46), (0.4, 0.42), (0.55, 0.58), (0.46, 0.4))


@dataclasses.dataclass(frozen=True)
class Probe:
    """A black image with a target, and the same with one white disc each at three places.

    Args:
        blank: The sample without a disc, as a recipe takes it.
        discs: The sample with each disc.
        places: The discs' centres, float32 ``[3, 2]``: x, y.
        alone: A black sample of the task without any object.
    """

    blank: dict[str, Any]
    discs: list[dict[str, Any]]
    places: torch.Tensor
    alone: dict[str, Any]


def draw_probe(task: str, height: int, width: int, number: int, classes: int) -> Probe:
    """Draw a probe.

    Args:
        task: detection, segmentation or pose_estimation.
        height: Of the image.
        width: Of the image.
        number: Another number puts it elsewhere.
        classes: Number of classes; of keypoints for poses.
    """
    side = min(height, width)
    across, down = _MIDDLES[number % len(_MIDDLES)]
    middle = torch.tensor([across * width, down * height])
    places = middle + torch.tensor(_TRIANGLE) * side
    black = torch.zeros(3, height, width, dtype=torch.uint8)
    target = _target(task, height, width, middle, side, classes)
    discs = [
        {**target, "image": tv_tensors.Image(_with_disc(black, place, max(0.045 * side, 2.5)))}
        for place in places
    ]
    return Probe(
        {**target, "image": tv_tensors.Image(black)}, discs, places, _alone(task, height, width, target)
    )


def _with_disc(image: torch.Tensor, place: torch.Tensor, radius: float) -> torch.Tensor:
    height, width = image.shape[-2:]
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    inside = (rows[:, None] - place[1]) ** 2 + (columns[None] - place[0]) ** 2 <= radius**2
    return image.masked_fill(inside, 255)


def _target(
    task: str, height: int, width: int, middle: torch.Tensor, side: int, classes: int
) -> dict[str, Any]:
    # Wider to one side than to the other, so that a mirrored image shows.
    reach = torch.tensor([-0.24, -0.2, 0.3, 0.26]) * side
    box = torch.cat([middle, middle]) + reach
    if task == "segmentation":
        mask = torch.zeros(height, width, dtype=torch.uint8)
        left, upper, right, lower = (int(value) for value in box.round())
        mask[max(upper, 0) : lower, max(left, 0) : right] = 1 if classes > 1 else IGNORE
        return {"mask": tv_tensors.Mask(mask)}
    boxes = _boxes(box[None], height, width)
    if task == "detection":
        return {
            "boxes": boxes,
            "labels": torch.zeros(1, dtype=torch.int64),
            "crowd": torch.zeros(1, dtype=torch.bool),
        }
    points = tv_tensors.KeyPoints(middle + _spiral(classes) * side, canvas_size=(height, width))
    return {"boxes": boxes, "keypoints": points, "visibility": torch.full((classes,), 2)}


def _boxes(boxes: torch.Tensor, height: int, width: int) -> tv_tensors.BoundingBoxes:
    return tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width))  # type: ignore[call-overload]


def _spiral(count: int) -> torch.Tensor:
    """Return points ``[count, 2]`` around 0, no two mirror images of one another."""
    turn = torch.arange(count) * (math.pi * (3 - math.sqrt(5))) + 0.7
    radius = 0.05 + 0.14 * ((torch.arange(count) + 1) / count).sqrt()
    return torch.stack([radius * turn.cos(), radius * turn.sin()], 1)


def _alone(task: str, height: int, width: int, target: dict[str, Any]) -> dict[str, Any]:
    image = tv_tensors.Image(torch.zeros(3, height, width, dtype=torch.uint8))
    if task != "detection":
        return {**target, "image": image}
    empty = {
        "boxes": _boxes(torch.zeros(0, 4), height, width),
        "labels": target["labels"][:0],
        "crowd": target["crowd"][:0],
    }
    return {**empty, "image": image}


def find_movement(
    blank: torch.Tensor, discs: list[torch.Tensor], places: torch.Tensor
) -> torch.Tensor | None:
    """Find the affine map that moved the pixels.

    Args:
        blank: The image without a disc after a transform, ``[3, H, W]``.
        discs: The images with a disc after the same random draws.
        places: Where the discs were, ``[3, 2]``.

    Returns:
        float64 ``[3, 2]``: ``[x, y, 1] @ it`` is the place after the transform; None where a disc was cut,
        covered, or is too small to see.
    """
    found = [find_disc(blank, image) for image in discs]
    seen = [disc for disc in found if disc is not None]
    if len(seen) < len(discs):
        return None
    least, most = (extreme(area for _, area in seen) for extreme in (min, max))
    if most > (1.05 + 1.5 / least**0.5) * least:  # more than counting pixels explains: one is partly covered
        return None
    before = torch.cat([places.double(), torch.ones(len(places), 1, dtype=torch.float64)], 1)
    after = torch.stack([centre for centre, _ in seen])
    movement: torch.Tensor = torch.linalg.solve(before, after)
    return movement


def find_disc(blank: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, int] | None:
    """Return the centre ``[2]`` and the area of what differs between two images; None where it is cut."""
    if blank.shape != image.shape:
        return None
    differs = (image.float() - blank.float()).abs().amax(0)
    strongest = differs.max()
    core = differs > 0.5 * strongest
    area = int(core.sum())
    borders = (core[0], core[-1], core[:, 0], core[:, -1])
    cut = any(bool(border.any()) for border in borders)
    if not strongest > 0 or cut or not _LEAST_AREA <= area <= _LARGEST_PART * core.numel():
        return None
    weights = differs.where(differs > 0.2 * strongest, 0.0)
    height, width = differs.shape
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    total = weights.sum()
    centre = torch.stack([(weights.sum(0) * columns).sum(), (weights.sum(1) * rows).sum()]) / total
    return centre.double(), area
