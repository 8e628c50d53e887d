"""How many boxes, mask classes and keypoints each transform loses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from kubepresso.augmentation.checks.place import place_of
from kubepresso.augmentation.inventory import UNITS, held, held_of_its_own
from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Sample, Trace

MOST_LOST = 0.2
"""Share of the objects over a whole training recipe from which on it is a warning."""


@dataclasses.dataclass(frozen=True)
class Loss:
    """What one transform loses of the samples' own objects.

    Args:
        place: The transform as in the YAML.
        name: Its position and name, short.
        before: Objects that come to it.
        after: Those of them that are left.
        joins: Whether it brings in objects of other images, which stand in for those that it loses.
    """

    place: str
    name: str
    before: int
    after: int
    joins: bool

    @property
    def lost(self) -> int:
        """Objects that are gone."""
        return self.before - self.after

    @property
    def share(self) -> float:
        """Part of the objects that is gone, 0 to 1."""
        return self.lost / self.before if self.before else 0.0


def measure_losses(
    phase: str, recipe: Recipe, traces: Sequence[Trace], task: str, classes: int
) -> list[Loss]:
    """Count what is lost from transform to transform.

    Args:
        phase: train or inference.
        recipe: The recipe.
        traces: Samples that went through it to its end.
        task: ``data.task``.
        classes: Number of classes.

    Returns:
        One entry a transform, and one for the end of the recipe where that drops something.
    """
    if task not in UNITS:
        return []
    rows = []
    for index in range(len(recipe.names) + 1):
        pairs = [(run.samples[index], run.samples[index + 1]) for run in traces]
        before, after = map(sum, zip(*(_kept(task, *pair, classes) for pair in pairs), strict=True))
        joins = any(_of_others(new) > _of_others(old) for old, new in pairs)
        name = f"{index} {recipe.names[index]}" if index < len(recipe.names) else "end of the recipe"
        rows.append(Loss(place_of(phase, recipe, index), name, before, after, joins))
    return rows if rows[-1].lost else rows[:-1]


def _kept(task: str, old: Sample, new: Sample, classes: int) -> tuple[int, int]:
    before, after = held_of_its_own(task, old, classes), held_of_its_own(task, new, classes)
    if task == "pose_estimation":  # a mirrored keypoint takes its partner's place
        before, after = before.sum(), after.sum()
    return int(before.sum()), int(after.minimum(before).sum())


def _of_others(sample: Sample) -> int:
    return int((sample["origin"] < 0).sum()) if "origin" in sample else 0


def share_lost(losses: Sequence[Loss]) -> float:
    """Return the part of the objects that is lost over a recipe, transforms that join images left out."""
    left = 1.0
    for loss in losses:
        left *= 1 if loss.joins else 1 - loss.share
    return 1 - left


def check_losses(
    phase: str,
    losses: Sequence[Loss],
    task: str,
    sources: Sequence[Sample],
    results: Sequence[Sample],
    classes: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Judge what a recipe loses.

    Args:
        phase: train or inference.
        losses: From `measure_losses`.
        task: ``data.task``.
        sources: The samples before the recipe.
        results: The same samples after it, of as many epochs as were tried.
        classes: Class names.

    Returns:
        Problems: nothing is left. Warnings: a large share is lost in training, anything in inference, or
        the whole of a class.
    """
    if task not in UNITS:
        return [], []
    there = sum((held(task, sample, len(classes)) for sample in sources), torch.zeros(len(classes)))
    left = sum((held(task, sample, len(classes)) for sample in results), torch.zeros(len(classes)))
    if there.sum() and not left.sum():
        worst = max(losses, key=lambda loss: (loss.lost, loss.share))
        line = f"{worst.place}: loses all {UNITS[task]} ({int(there.sum())} in {len(sources)} samples)"
        return [f"{line}; check its size and scale"], []
    warnings = _train_warnings(losses, task) if phase == "train" else _inference_warnings(losses, task)
    gone = [name for name, here, kept in zip(classes, there, left, strict=True) if here and not kept]
    if gone:
        shown = ", ".join(gone[:8]) + (f" and {len(gone) - 8} more" if len(gone) > 8 else "")
        warnings.append(
            f"augmentation.{phase}: nothing is left of {shown} in the {len(sources)} samples tried; "
            "check crops and sizes"
        )
    return [], warnings


def _train_warnings(losses: Sequence[Loss], task: str) -> list[str]:
    share = share_lost(losses)
    if share <= MOST_LOST:
        return []
    worst = max((loss for loss in losses if not loss.joins), key=lambda loss: loss.share)
    return [
        f"augmentation.train: {share:.0%} of the {UNITS[task]} are lost over the recipe (more than "
        f"{MOST_LOST:.0%}), most by {worst.place}: {worst.lost} of {worst.before}; crop less or scale up"
    ]


def _inference_warnings(losses: Sequence[Loss], task: str) -> list[str]:
    return [
        f"{loss.place}: loses {loss.lost} of {loss.before} {UNITS[task]} ({loss.share:.1%}); "
        "no metric will see them"
        for loss in losses
        if loss.lost
    ]
