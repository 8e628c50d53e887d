"""Boxes, masks and keypoints go where the pixels go; mirrored keypoints change places with their partners.

A drawn sample goes through the recipe four times with the same random draws: black, and with a white disc at
one of three places. Where the discs come out tells how the pixels moved, whatever the transform says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence

import torch

from kubepresso.augmentation.checks.comparing import COMPARISONS
from kubepresso.augmentation.checks.place import place_of
from kubepresso.augmentation.checks.probe import Probe, draw_probe, find_disc, find_movement
from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Sample, trace
from kubepresso.sampling import SampleContext

_ENOUGH = 8


@dataclasses.dataclass(frozen=True)
class Following:
    """What the drawn samples showed.

    Args:
        tried: Drawn samples.
        seen: Those whose pixels could be followed to the end of the recipe.
        mirrored: Those of them that came out mirrored.
        problems: Where a target did not go with the pixels.
    """

    tried: int = 0
    seen: int = 0
    mirrored: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)


def check_following(
    phase: str,
    recipe: Recipe,
    task: str,
    sizes: Sequence[tuple[int, int]],
    classes: int,
    swap: Sequence[int],
    seeding: Callable[[int], contextlib.AbstractContextManager[None]],
    context: Callable[[int, Sample], SampleContext],
) -> Following:
    """Send drawn samples through a recipe and compare targets with pixels after each transform.

    Args:
        phase: train or inference.
        recipe: The recipe; no transform of it fails.
        task: ``data.task``.
        sizes: Height and width of each drawn sample; the last ones are not drawn once enough were seen.
        classes: Number of classes; of keypoints for poses.
        swap: Of poses, each keypoint's partner.
        seeding: Seeds the random draws of the drawn sample of a number.
        context: Makes the context of a number, which fetches the sample given.

    Returns:
        What was found; problems name the first transform at which a target stays behind.
    """
    if task not in COMPARISONS:
        return Following()
    found: list[tuple[int, str]] = []
    tried = seen = mirrored = 0
    for number, (height, width) in enumerate(sizes):
        if seen == _ENOUGH:
            break
        probe = draw_probe(task, height, width, number, classes)
        followed = _send(recipe, probe, functools.partial(seeding, number), context(number, probe.alone))
        for index, (sample, movement) in enumerate(followed):
            problem = COMPARISONS[task](sample, probe.blank, movement, swap) if movement is not None else None
            if problem:
                found.append((index, problem))
                break
        end = followed[-1][1] if followed else None
        tried += 1
        seen += end is not None
        mirrored += end is not None and bool(torch.det(end[:2]) < 0)
    return Following(tried, seen, mirrored, _first(phase, recipe, found, tried))


def _send(
    recipe: Recipe,
    probe: Probe,
    seeding: Callable[[], contextlib.AbstractContextManager[None]],
    context: SampleContext,
) -> list[tuple[Sample, torch.Tensor | None]]:
    """Return the sample after each transform and after the recipe, and how its pixels have moved so far."""
    runs: list[list[Sample]] = []
    for sample in (probe.blank, *probe.discs):
        with seeding():
            runs.append(trace(recipe, sample, context).samples[1:])
        if len(runs) > 1 and find_disc(runs[0][0]["image"], runs[-1][0]["image"]) is None:
            return []  # the first transform cuts it off
    stages = zip(*runs, strict=True)
    return [
        (blank, find_movement(blank["image"], [disc["image"] for disc in discs], probe.places))
        for blank, *discs in stages
    ]


def _first(phase: str, recipe: Recipe, found: Sequence[tuple[int, str]], tried: int) -> list[str]:
    if not found:
        return []
    index, problem = min(found)
    return [f"{place_of(phase, recipe, index)}: {problem} ({len(found)} of {tried} drawn samples)"]
