"""The trial of a recipe on samples: what it makes of them, whether that is right, and how fast it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from kubepresso.augmentation import Recipe, build_recipe
from kubepresso.augmentation.checks import (
    Following,
    check_batch_transform,
    check_following,
    check_losses,
    check_repeatable,
    check_results,
    check_shares,
    check_targets,
    measure_losses,
    warn_of_following,
)
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.figures import compare
from kubepresso.augmentation.sheet import PhaseReport, Subject
from kubepresso.augmentation.trace import Sample, Trace, trace
from kubepresso.config.augmentation import AugmentationConfig
from kubepresso.data import PreparedDataset
from kubepresso.data.dataset import ImageDataset, build_dataset
from kubepresso.data.randomness import seeded
from kubepresso.errors import UserError
from kubepresso.sampling import SampleContext
from kubepresso.steps.trial_samples import choose_samples

EPOCHS = 4
MEASURED_SECONDS = 1.0
_DRAWN_SAMPLES = 36
_DRAWN_WITHOUT_RANDOMNESS = 3
# Far from the last epochs, in which some transforms end.
_ENDLESS = 1_000_000


class Trial:
    """Tries the recipes of a configuration on prepared data.

    Args:
        config: The ``augmentation`` module.
        prepared: The prepared data.
        seed: ``environment.seed``.

    Attributes:
        problems: What refuses the recipes.
        warnings: What does not.
    """

    def __init__(self, config: AugmentationConfig, prepared: PreparedDataset, seed: int) -> None:
        self.config = config
        self.prepared = prepared
        self.seed = seed
        manifest = prepared.manifest
        own_colours = [point.colour for point in manifest.keypoints]
        self.subject = Subject(manifest.task, manifest.classes, manifest.swap, own_colours)
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def try_phase(self, phase: str) -> PhaseReport:
        """Run one recipe on samples of the split that it will see.

        Args:
            phase: train or inference.
        """
        found_before = len(self.problems)
        recipe = self._build(phase, _ENDLESS)
        built = len(self.problems) == found_before
        split = "train" if phase == "train" or "valid" not in self.prepared.splits else "valid"
        dataset = build_dataset(self.prepared, split, recipe, self.seed)
        indices = choose_samples(self.prepared, dataset, self.config.checks.samples)
        names = [dataset.path(index) for index in indices]
        traces = [self._trace(recipe, dataset, index) for index in indices]
        report = PhaseReport(phase, recipe, self.subject, names, traces, 0.0)
        if not built:
            return report
        targets = check_targets(phase, recipe, traces, self.subject.task, len(self.subject.classes))
        failed = any(followed.error for followed in traces)
        # A target that is out of form makes later transforms fail: the cause is enough.
        self.problems += targets if targets and failed else check_results(phase, recipe, traces) + targets
        if targets or failed:
            return report
        return self._try_further(report, dataset, indices)

    def _try_further(self, report: PhaseReport, dataset: ImageDataset, indices: Sequence[int]) -> PhaseReport:
        phase, recipe, subject = report.phase, report.recipe, self.subject
        found_before = len(self.problems)
        later = self._check_randomness(phase, dataset, indices)
        sizes = [tuple(run.source["image"].shape[-2:]) for run in report.traces]
        following = self._follow(phase, recipe, sizes)
        self.problems += following.problems
        self.warnings += warn_of_following(phase, subject.task, following)
        sources, results = self._sources_and_results(report.traces)
        losses = measure_losses(phase, recipe, report.traces, subject.task, len(subject.classes))
        problems, warnings = check_losses(
            phase, losses, subject.task, sources, [*results, *later], subject.classes
        )
        self.problems += problems
        self.warnings += warnings
        mixed: list[tuple[torch.Tensor, torch.Tensor]] = []
        if phase == "train":
            self._try_last_epochs(indices)
            if len(self.problems) == found_before:
                mixed = self._check_mixing(recipe, dataset, indices)
        figures = compare(subject.task, sources, results, subject.classes)
        speed = _measure(dataset, indices)
        return PhaseReport(
            phase, recipe, subject, report.names, report.traces, speed, losses, following, figures, mixed
        )

    def _build(self, phase: str, epochs: int) -> Recipe:
        context = BuildContext(self.subject.task, epochs, tuple(self.subject.swap))
        try:
            return build_recipe(getattr(self.config, phase), context, f"augmentation.{phase}")
        except UserError as error:
            self.problems += error.problems
            return Recipe([], [], [])

    def _trace(self, recipe: Recipe, dataset: ImageDataset, index: int) -> Trace:
        sample = dataset.fetch(index)
        context = SampleContext(self.seed, 0, 0, index, len(dataset), dataset.fetch)
        with seeded(self.seed, 0, index):
            return trace(recipe, sample, context)

    @staticmethod
    def _sources_and_results(traces: Sequence[Trace]) -> tuple[list[Sample], list[Sample]]:
        return [run.source for run in traces], [run.result for run in traces if run.result is not None]

    def _check_randomness(self, phase: str, dataset: ImageDataset, indices: Sequence[int]) -> list[Sample]:
        """Return the samples of later epochs."""
        random_names = [
            f"augmentation.{phase}[{position}] ({entry.name})"
            for position, entry in enumerate(getattr(self.config, phase))
            if entry.random and entry.acts_on != "batch"
        ]
        once, again = ([dataset[0, index, 0] for index in indices] for _ in range(2))
        later = [dataset[epoch, index, 0] for epoch in range(1, EPOCHS) for index in indices]
        problems, warnings = check_repeatable(phase, random_names, once, again, later)
        self.problems += problems
        self.warnings += warnings
        return later

    def _follow(self, phase: str, recipe: Recipe, sizes: Sequence[tuple[int, int]]) -> Following:
        def context(number: int, fetch: Callable[[int], Sample]) -> SampleContext:
            return SampleContext(self.seed, 0, 0, number, len(sizes), fetch)

        random = any(entry.random for entry in getattr(self.config, phase))
        count = _DRAWN_SAMPLES if random else _DRAWN_WITHOUT_RANDOMNESS
        drawn = [sizes[number % len(sizes)] for number in range(count)]
        return check_following(
            phase,
            recipe,
            self.subject.task,
            drawn,
            len(self.subject.classes),
            self.subject.swap,
            lambda number: seeded(self.seed, EPOCHS + 1, number),
            context,
        )

    def _try_last_epochs(self, indices: Sequence[int]) -> None:
        """Try the recipe as it is in the last epochs, where a transform ends before them."""
        ending = [e.name for e in self.config.train if getattr(e, "mosaic_off_duration", 0)]
        if not ending:
            return
        recipe = self._build("train", 1)
        dataset = build_dataset(self.prepared, "train", recipe, self.seed)
        traces = [self._trace(recipe, dataset, index) for index in indices]
        found = check_results("train", recipe, traces)
        known = {line.split(":")[0] for line in self.problems}
        self.problems += [
            f"{line} (in the last epochs, without {' and '.join(ending)})"
            for line in found
            if line.split(":")[0] not in known
        ]

    def _check_mixing(
        self, recipe: Recipe, dataset: ImageDataset, indices: Sequence[int]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return what each batch transform makes of the samples."""
        if not recipe.batch_transforms:
            return []
        batch = [dataset[0, index, 0] for index in indices]
        images = torch.stack([sample["image"] for sample in batch])
        labels = torch.tensor([sample["label"] for sample in batch])
        classes = len(self.subject.classes)
        probabilities = [
            max(pair[1] for pair in (entry.mixup, entry.cutmix) if pair)
            for entry in self.config.train
            if entry.name == "mixing"
        ]
        mixed = []
        for transform, probability in zip(recipe.batch_transforms, probabilities, strict=True):
            with seeded(self.seed, 0):
                found = check_batch_transform(transform, images, labels, classes)
                self.problems += found or check_shares(transform, classes, probability)
            if not found:
                with seeded(self.seed, 0):
                    mixed.append(transform(images, labels, classes))
        return mixed


def _measure(dataset: ImageDataset, indices: Sequence[int]) -> float:
    """Return images/s of decoding and recipe on one thread, as a loader process has it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        done, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < MEASURED_SECONDS:
            dataset[EPOCHS, indices[done % len(indices)], 0]
            done += 1
        return done / elapsed
    finally:
        torch.set_num_threads(threads)


def losses_of(report: PhaseReport) -> dict[str, float]:
    """Return what a recipe loses and changes, as metrics; empty for classification.

    Args:
        report: Of one recipe.

    Returns:
        ``lost.<phase>`` and ``lost.<phase>.<position>_<transform>``, shares from 0 to 1, and
        ``<quantity>.<phase>.before`` and ``.after`` of the figures that are metrics.
    """
    phase = report.phase
    found: dict[str, Any] = {}
    if report.losses:
        found[f"lost.{phase}"] = report.share_lost
    for loss in report.losses:
        found[f"lost.{phase}.{loss.name.replace(' ', '_')}"] = loss.share
    for row in report.figures:
        if row.metric:
            found |= {f"{row.metric}.{phase}.before": row.before, f"{row.metric}.{phase}.after": row.after}
    return found
