"""Boxes, masks and keypoints go where the pixels go; mirrored keypoints change places with their partners.

A drawn sample goes through the recipe several times with the same random draws: black, with a white disc at
one of three places, and with one of its boxes filled. What comes out where tells how the pixels moved,
whatever the transform says. Samples that a transform joins to it are drawn likewise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence

import torch

from kubepresso.augmentation.checks.comparing import COMPARISONS, Stage
from kubepresso.augmentation.checks.place import place_of
from kubepresso.augmentation.checks.probe import Probe, draw_probe
from kubepresso.augmentation.checks.seeing import find_disc, find_movement, find_region
from kubepresso.augmentation.recipe import Recipe
from kubepresso.augmentation.trace import Sample, trace
from kubepresso.sampling import SampleContext

_ENOUGH = 8
_LEAST = 4
_UNITS = {"detection": "boxes", "segmentation": "masks", "pose_estimation": "keypoints"}


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

    @property
    def is_enough(self) -> bool:
        """Whether so many could be followed that the targets can be said to go with the pixels."""
        return self.seen >= min(_LEAST, self.tried) > 0


def check_following(
    phase: str,
    recipe: Recipe,
    task: str,
    sizes: Sequence[tuple[int, int]],
    classes: int,
    swap: Sequence[int],
    seeding: Callable[[int], contextlib.AbstractContextManager[None]],
    context: Callable[[int, Callable[[int], Sample]], SampleContext],
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
        context: Makes the context of a number, which fetches by the function given.

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
        probe = draw_probe(task, height, width, number, classes, swap)
        sender = _Sender(recipe, functools.partial(seeding, number), functools.partial(context, number))
        stages = _follow(probe, sender)
        for index, stage in enumerate(stages):
            problem = COMPARISONS[task](stage, probe, swap)
            if problem:
                found.append((index, problem))
                break
        end = stages[-1].movement
        tried += 1
        seen += end is not None
        mirrored += end is not None and bool(torch.det(end[:2]) < 0)
    return Following(tried, seen, mirrored, _first(phase, recipe, found, tried))


@dataclasses.dataclass(frozen=True)
class _Sender:
    """Sends samples through a recipe, always with the same draws."""

    recipe: Recipe
    seeding: Callable[[], contextlib.AbstractContextManager[None]]
    context: Callable[[Callable[[int], Sample]], SampleContext]

    def send(self, sample: Sample, others: Sequence[Sample]) -> tuple[list[Sample], int]:
        """Return the sample after each transform and after the recipe, and how many others were joined."""
        joined = 0

        def fetch(_: int) -> Sample:
            nonlocal joined
            joined += 1
            return others[(joined - 1) % len(others)]

        with self.seeding():
            passed = trace(self.recipe, sample, self.context(fetch)).samples[1:]
        return passed, min(joined, len(others))


def _follow(probe: Probe, sender: _Sender) -> list[Stage]:
    """Return what is known after each transform and after the recipe."""
    blank, joined = sender.send(probe.blank, probe.others)
    discs = []
    for disc in probe.discs:
        discs.append(sender.send(disc, probe.others)[0])
        if find_disc(blank[0]["image"], discs[-1][0]["image"]) is None:
            discs = []  # the first transform cuts it off
            break
    filled, others = _fill(probe, sender, joined) if discs or joined else ([], [])
    stages: list[Stage] = []
    for index, sample in enumerate(blank):
        images = [run[index]["image"] for run in discs]
        movement = find_movement(sample["image"], images, probe.places) if images else None
        own, foreign = (
            [find_region(sample["image"], run[index]["image"]) for run in runs] for runs in (filled, others)
        )
        joins = any(foreign) and not any(any(stage.others) for stage in stages)
        stages.append(Stage(sample, movement, own or [None] * len(probe.filled), foreign, joins))
    return stages


def _fill(probe: Probe, sender: _Sender, joined: int) -> tuple[list[list[Sample]], list[list[Sample]]]:
    filled = [sender.send(sample, probe.others)[0] for sample in probe.filled]
    others = []
    for index, sample in enumerate(probe.others_filled[:joined]):
        given = [*probe.others[:index], sample, *probe.others[index + 1 :]]
        others.append(sender.send(probe.blank, given)[0])
    return filled, others


def warn_of_following(phase: str, task: str, following: Following) -> list[str]:
    """Say where too few drawn samples could be followed to the end of a recipe."""
    if following.is_enough or not following.tried:
        return []
    return [
        f"augmentation.{phase}: only {following.seen} of {following.tried} drawn samples could be followed "
        f"to its end, so whether {_UNITS[task]} go where the pixels go is not sure; crops that keep less "
        "than a tenth of an image are a common cause"
    ]


def _first(phase: str, recipe: Recipe, found: Sequence[tuple[int, str]], tried: int) -> list[str]:
    if not found:
        return []
    index, problem = min(found)
    return [f"{place_of(phase, recipe, index)}: {problem} ({len(found)} of {tried} drawn samples)"]
