"""A recipe: the transforms of ``augmentation.train`` or ``augmentation.inference``, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from kubepresso.augmentation.batch import BatchTransform
from kubepresso.augmentation.registry import AWAITING, builders
from kubepresso.errors import UserError

TASKS = ("classification",)


class Recipe:
    """Transforms of single samples, called in order, and those of whole batches beside them.

    Args:
        names: Name of each sample transform, as in the YAML.
        transforms: The sample transforms.
        batch_transforms: To apply after stacking, in order; see `BatchTransform`.
    """

    def __init__(
        self,
        names: Sequence[str],
        transforms: Sequence[nn.Module],
        batch_transforms: Sequence[BatchTransform],
    ) -> None:
        self.names = tuple(names)
        self.transforms = tuple(transforms)
        self.batch_transforms = tuple(batch_transforms)

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Transform one sample; random draws come from torch's CPU generator.

        Args:
            sample: ``image``, a ``tv_tensors.Image`` uint8 ``[3, H, W]``, and ``label``, a class index.

        Returns:
            The same keys; ``image`` is a plain tensor, float32 where the recipe has ``totensor``.
        """
        for transform in self.transforms:
            sample = transform(sample)
        return {**sample, "image": sample["image"].as_subclass(torch.Tensor)}


def build_recipe(entries: Sequence[Any] | None, task: str) -> Recipe:
    """Build a recipe from config entries.

    Args:
        entries: ``config.augmentation.train`` or ``.inference``; None is an empty recipe.
        task: ``config.data.task``.

    Raises:
        UserError: Transforms that this task or version does not have, parameters that torchvision refuses, or
            a batch transform that is not last; all of them at once.
    """
    if task not in TASKS:
        raise UserError(f"data.task: no augmentation for {task!r} yet, allowed {', '.join(TASKS)}")
    problems: list[str] = []
    built = [(entry.name, _build(entry, index, problems)) for index, entry in enumerate(entries or ())]
    singles = [(name, transform) for name, transform in built if isinstance(transform, nn.Module)]
    batch = [transform for _, transform in built if transform and not isinstance(transform, nn.Module)]
    if batch and isinstance(built[-1][1], nn.Module):
        problems.append("augmentation: mixing works on batches and must be the last transform")
    if problems:
        raise UserError(problems)
    return Recipe([name for name, _ in singles], [transform for _, transform in singles], batch)


def _build(entry: Any, index: int, problems: list[str]) -> nn.Module | BatchTransform | None:
    place = f"transform {index} ({entry.name})"
    if entry.name in AWAITING:
        problems.append(f"augmentation: {place} is not available for classification; remove it")
        return None
    try:
        return builders()[entry.name](entry)  # type: ignore[no-any-return]
    except (ValueError, TypeError) as error:
        problems.append(f"augmentation: {place}: {error}")
        return None
