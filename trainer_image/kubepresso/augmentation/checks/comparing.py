"""Compare the targets of a drawn sample with the way that its pixels went."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from kubepresso.augmentation.checks.probe import Probe
from kubepresso.augmentation.checks.seeing import Region
from kubepresso.augmentation.trace import Sample
from kubepresso.sampling import IGNORE

_AGREEMENT = 0.98
# Parts of the longer side that a target may be off.
_STRAIGHT, _TURNED = 0.01, 0.03
_LOOKED_AT = 96


def _moved(points: torch.Tensor, movement: torch.Tensor) -> torch.Tensor:
    return torch.cat([points.double(), torch.ones(len(points), 1, dtype=torch.float64)], 1) @ movement


def _tolerance(stage: Stage) -> float:
    """Return pixels: what is turned or slanted, or joined at unknown angles, cannot be told as exactly."""
    straight = stage.movement is not None and not stage.joins and _is_straight(stage.movement)
    height, width = stage.sample["image"].shape[-2:]
    return 2.0 + (_STRAIGHT if straight else _TURNED) * max(int(height), int(width))


def _is_straight(movement: torch.Tensor) -> bool:
    along, across = movement[:2].diagonal().abs().sum(), movement[:2].fliplr().diagonal().abs().sum()
    return bool(across <= 0.02 * along)


@dataclasses.dataclass(frozen=True)
class Stage:
    """A drawn sample after a transform.

    Args:
        sample: The sample.
        movement: ``[x, y, 1] @ movement`` is the place of its pixels now, ``[3, 2]``; None where unknown.
        own: Of detection, where each of its boxes' content is seen; None where it is not.
        others: The same of the samples joined.
        joins: Whether the transform is the one that joined them.
    """

    sample: Sample
    movement: torch.Tensor | None
    own: Sequence[Region | None] = ()
    others: Sequence[Region | None] = ()
    joins: bool = False


@dataclasses.dataclass(frozen=True)
class _Object:
    """What a box may be: it holds ``least`` and lies in ``most``, as far as these are known."""

    label: int
    crowd: bool
    least: torch.Tensor | None
    most: torch.Tensor | None

    def fits(self, box: torch.Tensor, tolerance: float) -> bool:
        most = self.most is None or _holds(self.most, box, tolerance)
        return most and (self.least is None or _holds(box, self.least, tolerance))


def _holds(outer: torch.Tensor, inner: torch.Tensor, tolerance: float) -> bool:
    over = torch.cat([outer[:2] - inner[:2], inner[2:] - outer[2:]])
    return bool((over <= tolerance).all())


def _compare_boxes(stage: Stage, probe: Probe, _: Sequence[int]) -> str | None:
    """Each box holds what is seen of an object, and not much more, and has the object's label."""
    sample, tolerance = stage.sample, _tolerance(stage)
    known, all_known = _objects(stage, probe)
    for box, label, crowd in zip(sample["boxes"].double(), sample["labels"], sample["crowd"], strict=True):
        fitting = [each for each in known if each.fits(box, tolerance)]
        if fitting and not any(each.label == label and each.crowd == crowd for each in fitting):
            expected = fitting[0]
            return (
                f"labels do not stay with their boxes: one is {int(label)}{' (crowd)' * bool(crowd)} and was "
                f"{expected.label}{' (crowd)' * expected.crowd}"
            )
        if known and all_known and not fitting:
            content = min(
                (each.most if each.least is None else each.least for each in known),
                key=lambda each: float("inf") if each is None else float((each - box).abs().max()),
            )
            where = "" if content is None else f", its content at {_rounded(content)}"
            return f"boxes do not go where the pixels go: one is at {_rounded(box)}{where}"
    return None


def _objects(stage: Stage, probe: Probe) -> tuple[list[_Object], bool]:
    """Return the objects that can be told, and whether a box must be one of them."""
    found: list[_Object] = []
    for box, label, crowd, region in zip(
        probe.blank["boxes"].as_subclass(torch.Tensor),
        probe.blank["labels"].tolist(),
        probe.blank["crowd"].tolist(),
        stage.own,
        strict=True,
    ):
        least = region.box if region else None
        most = _border_of(stage, box) if stage.movement is not None else _end_of(region, stage)
        if least is not None or stage.movement is not None:
            found.append(_Object(label, crowd, least, most))
    own = len(found)
    for other, region in zip(probe.others, stage.others, strict=False):
        if region:
            label, crowd = int(other["labels"][0]), bool(other["crowd"][0])
            found.append(_Object(label, crowd, region.box, _end_of(region, stage)))
    joined = len(found) - own
    complete = stage.joins or (own == len(stage.own) and joined == len(stage.others))
    return found, complete


def _end_of(region: Region | None, stage: Stage) -> torch.Tensor | None:
    """Return what a box may not go beyond: only a transform that joins is sure to cover nothing."""
    return region.box if region and stage.joins and not region.is_cut else None


def _border_of(stage: Stage, box: torch.Tensor) -> torch.Tensor:
    assert stage.movement is not None
    x1, y1, x2, y2 = box.tolist()
    corners = _moved(torch.tensor([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]), stage.movement)
    height, width = stage.sample["image"].shape[-2:]
    limits = torch.tensor([width, height, width, height], dtype=torch.float64)
    return torch.cat([corners.amin(0), corners.amax(0)]).clamp(min=0).minimum(limits)


def _compare_masks(stage: Stage, probe: Probe, _: Sequence[int]) -> str | None:
    """Each pixel has the class that it had; those from outside the image have none."""
    sample, source, movement = stage.sample, probe.blank["mask"], stage.movement
    size = sample["mask"].shape
    if size != sample["image"].shape[-2:]:
        return None  # the form is judged elsewhere
    new = set(sample["mask"].unique().tolist()) - set(source.unique().tolist()) - {IGNORE}
    if new:
        return (
            f"the mask has got class {min(new):g}, which it did not have; masks must be resized with nearest"
        )
    if movement is None:
        return None
    step = max(max(size) // _LOOKED_AT, 1)
    mask = sample["mask"][::step, ::step].long()
    reach = 2 + _TURNED * max(size)
    around = [(0.0, 0.0), (reach, reach), (reach, -reach), (-reach, reach), (-reach, -reach)]
    expected, *others = (_expected_mask(size, step, source, movement, *shift) for shift in around)
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


def _compare_poses(stage: Stage, probe: Probe, swap: Sequence[int]) -> str | None:
    if stage.movement is None:
        return None
    sample, source, order = stage.sample, probe.blank, list(swap)
    points, seen = sample["keypoints"].double(), sample["visibility"] > 0
    moved = _moved(source["keypoints"].as_subclass(torch.Tensor), stage.movement)
    mirrored = bool(torch.det(stage.movement[:2]) < 0)
    expected, other = (moved[order], moved) if mirrored else (moved, moved[order])
    if _near(points, expected, seen, stage):
        kept = source["visibility"][order] if mirrored else source["visibility"]
        wrong = seen & (sample["visibility"] != kept)
        return "keypoints have the visibility of their partners or of none" if bool(wrong.any()) else None
    if _near(points, other, seen, stage):
        if mirrored:
            return "the image is mirrored, but left and right keypoints did not change places"
        return "left and right keypoints changed places, but the image is not mirrored"
    distance = (points - expected).norm(dim=1)[seen].max()
    return f"keypoints do not go where the pixels go: one is {distance:.0f} pixels off"


def _near(points: torch.Tensor, expected: torch.Tensor, seen: torch.Tensor, stage: Stage) -> bool:
    distance = (points - expected).norm(dim=1)[seen]
    return bool((distance <= _tolerance(stage)).all())


def _rounded(box: torch.Tensor) -> str:
    return "[" + ", ".join(f"{value:.0f}" for value in box.tolist()) + "]"


COMPARISONS: dict[str, Callable[[Stage, Probe, Sequence[int]], str | None]] = {
    "detection": _compare_boxes,
    "segmentation": _compare_masks,
    "pose_estimation": _compare_poses,
}
"""By task: drawn sample after a transform, as it was drawn, partners; says what is wrong."""
