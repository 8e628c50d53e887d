"""Randomness follows the seed, and inference has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

_TARGETS = ("label", "boxes", "labels", "crowd", "mask", "keypoints", "visibility")


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
