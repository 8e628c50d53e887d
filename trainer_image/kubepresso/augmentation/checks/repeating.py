"""Randomness follows the seed, inference has none, and batch transforms give valid targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from kubepresso.augmentation.batch import BatchTransform

_SUM_TOLERANCE = 1e-4
_TARGETS = ("label", "boxes", "labels", "crowd", "mask", "keypoints", "visibility")


def check_batch_transform(
    transform: BatchTransform, images: torch.Tensor, labels: torch.Tensor, num_classes: int
) -> list[str]:
    """Check that a batch transform keeps the images' shape and gives valid soft targets."""
    mixed, targets = transform(images, labels, num_classes)
    problems = []
    if mixed.shape != images.shape or not bool(mixed.isfinite().all()):
        problems.append("augmentation.train (mixing): mixed images changed shape or are not finite")
    sums_to_one = bool(((targets.sum(1) - 1).abs() < _SUM_TOLERANCE).all())
    if targets.shape != (len(labels), num_classes) or bool((targets < 0).any()) or not sums_to_one:
        problems.append("augmentation.train (mixing): targets are not shares of the classes that sum to 1")
    return problems


def check_repeatable(
    phase: str, random_names: Sequence[str], once: Sequence[Any], again: Sequence[Any], later: Sequence[Any]
) -> tuple[list[str], list[str]]:
    """Check that randomness follows the seed, and that inference has none.

    Args:
        phase: train or inference.
        random_names: Names of the recipe's random transforms.
        once: Samples of an epoch.
        again: The same samples of the same epoch once more.
        later: The same samples of later epochs, any number of them.

    Returns:
        Problems, and warnings.
    """
    problems: list[str] = []
    warnings: list[str] = []
    if not _same_images(once, again):
        problems.append(f"augmentation.{phase}: the same seed, epoch and sample gave different results")
    varies = any(not _same_images(once, later[i : i + len(once)]) for i in range(0, len(later), len(once)))
    if phase == "inference" and varies:
        named = ", ".join(random_names) or "a transform"
        problems.append(f"augmentation.inference: results change from epoch to epoch; remove {named}")
    if phase == "train" and random_names and not varies:
        named = ", ".join(random_names)
        warnings.append(f"augmentation.train: {named} changed no image in any epoch tried; check p and sizes")
    changed = [
        key
        for key in _TARGETS
        if any(not _same(a.get(key), b.get(key)) for a, b in zip(once, again, strict=True))
    ]
    named = "labels" if changed == ["label"] else " and ".join(changed)
    return problems + ([f"augmentation.{phase}: {named} changed"] if changed else []), warnings


def _same_images(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return all(_same(a["image"], b["image"]) for a, b in zip(first, second, strict=True))


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    return bool(first == second)
