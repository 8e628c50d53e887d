"""A sample followed through a recipe, transform by transform."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from kubepresso.augmentation.parts import enter, leave
from kubepresso.augmentation.recipe import Recipe
from kubepresso.sampling import SampleContext

Sample = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Stage:
    """The sample after one transform.

    Args:
        sample: Plain copies, so that transforms that write in place do not change them.
        seconds: What the transform took.
    """

    sample: Sample
    seconds: float

    @property
    def image(self) -> torch.Tensor:
        """The image after the transform."""
        return self.sample["image"]  # type: ignore[no-any-return]


@dataclasses.dataclass(frozen=True)
class Trace:
    """One sample's way.

    Args:
        source: The decoded sample; ``image`` is uint8 ``[3, H, W]``. Boxes are numbered in ``origin``.
        stages: One for each transform that ran.
        result: What the recipe gives; None where it fails.
        error: What the transform after the last stage raised, or the end of the recipe; None where all ran.
    """

    source: Sample
    stages: list[Stage]
    result: Sample | None = None
    error: Exception | None = None

    @property
    def samples(self) -> list[Sample]:
        """The source, the sample after each transform, and the result where there is one."""
        passed = [self.source, *(stage.sample for stage in self.stages)]
        return passed if self.result is None else [*passed, self.result]


def trace(recipe: Recipe, sample: Sample, context: SampleContext | None = None) -> Trace:
    """Run a recipe and keep the sample after each transform; the seeding is the caller's.

    Args:
        recipe: From `build_recipe`.
        sample: As `Recipe` takes it.
        context: As `Recipe` takes it.
    """
    if "labels" in sample and "origin" not in sample:
        sample = {**sample, "origin": torch.arange(len(sample["labels"]))}
    source = _copied(sample)
    stages: list[Stage] = []
    try:
        sample = enter(sample)
        for transform in recipe.transforms:
            started = time.perf_counter()
            sample = transform(sample, context)
            seconds = time.perf_counter() - started
            stages.append(Stage(_copied(sample), seconds))
        return Trace(source, stages, leave(sample))
    except Exception as error:  # a recipe may fail in any way; the report names the transform
        return Trace(source, stages, None, error)


def _copied(sample: Sample) -> Sample:
    return {
        key: value.as_subclass(torch.Tensor).clone() if isinstance(value, torch.Tensor) else value
        for key, value in sample.items()
    }


def first_stage(traces: Sequence[Trace], holds: Callable[[Trace, torch.Tensor], bool]) -> int | None:
    """Return the first transform after which a property of the image holds for any sample; None for none."""
    found = [
        index
        for followed in traces
        for index, stage in enumerate(followed.stages)
        if holds(followed, stage.image)
    ]
    return min(found, default=None)
