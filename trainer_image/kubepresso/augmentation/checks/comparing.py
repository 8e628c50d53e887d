"""Compare the targets of a drawn sample with the way that its pixels went."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from kubepresso.augmentation.inventory import IGNORE
from kubepresso.augmentation.trace import Sample

_AGREEMENT = 0.98
_LOOKED_AT = 96


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
    size = sample["mask"].shape
    if size != sample["image"].shape[-2:]:
        return None  # the form is judged elsewhere
    step = max(max(size) // _LOOKED_AT, 1)
    mask = sample["mask"][::step, ::step].long()
    reach = _tolerance(sample["image"])
    around = [(0.0, 0.0), (reach, reach), (reach, -reach), (-reach, reach), (-reach, -reach)]
    expected, *others = (_expected_mask(size, step, source["mask"], movement, *shift) for shift in around)
    certain = torch.stack([expected == other for other in others]).all(0)
    wrong = certain & (mask != expected)
    if not bool(wrong.any()) or wrong.sum() <= (1 - _AGREEMENT) * certain.sum():
        return None
    if bool((expected[wrong] == IGNORE).all()):
        return f"the mask has a class where the image has borders only; borders must be {IGNORE}"
    return f"masks do not go where the pixels go: {wrong.double().mean():.0%} of a mask has the wrong class"


def _expected_mask(
    size: Sequence[int], step: int, source: torch.Tensor, movement: torch.Tensor, right: float, down: float
) -> torch.Tensor:
    """Return the classes that every so-many-th pixel came from, seen so far to the right and down."""
    columns, rows = (torch.arange(0, side, step) + 0.5 for side in (size[1], size[0]))
    rows, columns = rows + down, columns + right
    ys, xs = torch.meshgrid(rows, columns, indexing="ij")
    whole = torch.cat([movement, torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)], 1)
    came = _moved(torch.stack([xs.flatten(), ys.flatten()], 1), torch.linalg.inv(whole)[:, :2]).floor().long()
    tall, wide = source.shape
    inside = (came >= 0).all(1) & (came[:, 0] < wide) & (came[:, 1] < tall)
    expected = torch.full((len(came),), IGNORE)
    expected[inside] = source[came[inside, 1], came[inside, 0]].long()
    return expected.reshape(len(rows), len(columns))


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
