"""A sample followed through a recipe, transform by transform."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from kubepresso.augmentation.recipe import Recipe

Seeding = Callable[..., contextlib.AbstractContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Stage:
    """The image after one transform.

    Args:
        image: A copy, so that transforms that write in place do not change it.
        seconds: What the transform took.
    """

    image: torch.Tensor
    seconds: float


@dataclasses.dataclass(frozen=True)
class Trace:
    """One sample's way.

    Args:
        source: The decoded image, uint8 ``[3, H, W]``.
        stages: One for each transform that ran.
        error: What the transform after the last stage raised; None where all ran.
    """

    source: torch.Tensor
    stages: list[Stage]
    error: Exception | None


def trace(recipe: Recipe, sample: dict[str, Any]) -> Trace:
    """Run a recipe and keep the image after each transform; the seeding is the caller's.

    Args:
        recipe: From `build_recipe`.
        sample: ``image`` and ``label``, as a recipe takes them.
    """
    source = sample["image"].as_subclass(torch.Tensor).clone()
    stages: list[Stage] = []
    for transform in recipe.transforms:
        started = time.perf_counter()
        try:
            sample = transform(sample)
        except Exception as error:  # a recipe may fail in any way; the report names the transform
            return Trace(source, stages, error)
        seconds = time.perf_counter() - started
        stages.append(Stage(sample["image"].as_subclass(torch.Tensor).clone(), seconds))
    return Trace(source, stages, None)


def first_stage(traces: Sequence[Trace], holds: Callable[[Trace, torch.Tensor], bool]) -> int | None:
    """Return the first transform after which a property holds for any sample; None where for none."""
    found = [
        index
        for followed in traces
        for index, stage in enumerate(followed.stages)
        if holds(followed, stage.image)
    ]
    return min(found, default=None)
