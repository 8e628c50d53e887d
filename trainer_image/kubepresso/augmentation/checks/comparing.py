"""Compare the targets of a drawn sample with the way that its pixels went."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from kubepresso.augmentation.inventory import IGNORE
from kubepresso.augmentation.trace import Sample

_AGREEMENT = 0.97


def _moved(points: torch.Tensor, movement: torch.Tensor) -> torch.Tensor:
    return torch.cat([points.double(), torch.ones(len(points), 1, dtype=torch.float64)], 1) @ movement


def _tolerance(image: torch.Tensor) -> float:
    return 2 + 0.03 * max(image.shape[-2:])


def _compare_boxes(sample: Sample, source: Sample, movement: torch.Tensor, _: Sequence[int]) -> str | None:
    """A box holds the corners of what it held, and not much more."""
    if len(sample["boxes"]) != 1:
        return None
    x1, y1, x2, y2 = source["boxes"][0].tolist()
    corners = _moved(torch.tensor([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]), movement)
    expected = torch.cat([corners.amin(0), corners.amax(0)])
    height, width = sample["image"].shape[-2:]
    limits = torch.tensor([width, height, width, height], dtype=torch.float64)
    box, expected = (each.double().clamp(min=0).minimum(limits) for each in (sample["boxes"][0], expected))
    if bool(((box - expected).abs() <= _tolerance(sample["image"])).all()):
        return None
    return (
        f"boxes do not go where the pixels go: one is at {_rounded(box)}, its content at {_rounded(expected)}"
    )


def _compare_masks(sample: Sample, source: Sample, movement: torch.Tensor, _: Sequence[int]) -> str | None:
    """Each pixel has the class that it had; those from outside the image have none."""
    mask = sample["mask"]
    height, width = mask.shape
    if (height, width) != tuple(sample["image"].shape[-2:]):
        return None  # the form is judged elsewhere
    rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    back = torch.linalg.inv(
        torch.cat([movement, torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)], 1)
    )
    came = _moved(torch.stack([columns.flatten(), rows.flatten()], 1), back[:, :2]).floor().long()
    tall, wide = source["mask"].shape
    inside = (came >= 0).all(1) & (came[:, 0] < wide) & (came[:, 1] < tall)
    expected = torch.full((height * width,), IGNORE)
    expected[inside] = source["mask"][came[inside, 1], came[inside, 0]].long()
    agrees = mask.flatten().long() == expected
    if agrees.double().mean() >= _agreement(height, width):
        return None
    outside = ~inside
    if bool(outside.any()) and not agrees[outside].double().mean() > 0.5:
        return f"the mask has a class where the image has borders only; borders must be {IGNORE}"
    return (
        f"masks do not go where the pixels go: {1 - agrees.double().mean():.0%} of a mask has the wrong class"
    )


def _agreement(height: int, width: int) -> float:
    """The share that must agree: the outline of the drawn area may be off by a pixel or two."""
    return min(_AGREEMENT, 1 - 4 / min(height, width))


def _compare_poses(sample: Sample, source: Sample, movement: torch.Tensor, swap: Sequence[int]) -> str | None:
    points, seen = sample["keypoints"].double(), sample["visibility"] > 0
    moved = _moved(source["keypoints"], movement)
    mirrored = bool(torch.det(movement[:2]) < 0)
    swapped = moved[list(swap)]
    expected, other = (swapped, moved) if mirrored else (moved, swapped)
    if _near(points, expected, seen, sample):
        return None
    if _near(points, other, seen, sample):
        if mirrored:
            return "the image is mirrored, but left and right keypoints did not change places"
        return "left and right keypoints changed places, but the image is not mirrored"
    distance = (points - expected).norm(dim=1)[seen].max()
    return f"keypoints do not go where the pixels go: one is {distance:.0f} pixels off"


def _near(points: torch.Tensor, expected: torch.Tensor, seen: torch.Tensor, sample: Sample) -> bool:
    distance = (points - expected).norm(dim=1)[seen]
    return bool((distance <= _tolerance(sample["image"])).all())


def _rounded(box: torch.Tensor) -> str:
    return "[" + ", ".join(f"{value:.0f}" for value in box.tolist()) + "]"


COMPARISONS: dict[str, Callable[[Sample, Sample, torch.Tensor, Sequence[int]], str | None]] = {
    "detection": _compare_boxes,
    "segmentation": _compare_masks,
    "pose_estimation": _compare_poses,
}
"""By task: sample after a transform, drawn sample, movement ``[3, 2]``, partners; says what is wrong."""
