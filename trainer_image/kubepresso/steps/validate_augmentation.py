"""Validate the augmentation: the real recipes on real samples, before any training."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kubepresso import tracking
from kubepresso.augmentation import BuildContext, Recipe, build_recipe
from kubepresso.augmentation.checks import check_batch_transform, check_repeatable, check_results
from kubepresso.augmentation.sheet import PhaseReport, write_sheet
from kubepresso.augmentation.trace import trace
from kubepresso.config import View, digest, parse_view
from kubepresso.data import PreparedDataset, SplitReader
from kubepresso.data.dataset import ImageDataset, build_dataset
from kubepresso.data.randomness import seeded
from kubepresso.data.samples import to_sample
from kubepresso.errors import UserError
from kubepresso.steps.trainer_speed import measure_training_speed

log = logging.getLogger(__name__)

_EPOCHS = 4
_MEASURED_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class AugmentationSummary:
    """What the trial of the recipes found.

    Args:
        samples: Images tried.
        images_per_second: Of the training recipe with decoding, in one process.
        estimated_images_per_second: The same times the loader processes, as far as there are cores.
        needed_images_per_second: What forward and backward passes take in on this machine.
        warnings: What was noticed and not refused.
    """

    samples: int
    images_per_second: float
    estimated_images_per_second: float
    needed_images_per_second: float
    warnings: list[str]

    def metrics(self) -> dict[str, float]:
        """Return the figures for the pipeline's metrics."""
        return {
            "images_per_second": self.images_per_second,
            "estimated_images_per_second": self.estimated_images_per_second,
            "needed_images_per_second": self.needed_images_per_second,
            "warnings": float(len(self.warnings)),
        }


def run(*, config: str, dataset: Path, report: Path) -> AugmentationSummary:
    """Try the training and the inference recipe.

    Args:
        config: A view with ``augmentation``, ``model`` for the speed of training, and ``environment`` for the
            seed, the batch and the loader processes.
        dataset: The prepared folder.
        report: The HTML contact sheet to make; it is written for refused recipes too.

    Raises:
        UserError: A recipe is broken, with every problem found.
    """
    view = parse_view(config)
    prepared = PreparedDataset.open(Path(dataset))
    tags = {"kubepresso.config_digest": digest(config), "kubepresso.dataset_digest": prepared.digest}
    with tracking.step_run("validate_augmentation", logging=view.logging, tags=tags) as tracked:
        trial = _Trial(view, prepared)
        # MLflow is imported beside the step's work; what is timed must have the processor for itself.
        tracked.wait_for_id(5.0)
        phases = [trial.try_phase("train"), trial.try_phase("inference")]
        summary = trial.summarise(phases[0])
        for line in trial.warnings:
            log.warning(line)
        write_sheet(Path(report), phases, trial.problems, trial.warnings, trial.throughput(summary))
        tracked.log_artifact(Path(report))
        tracked.log_metrics(summary.metrics())
        if trial.problems:
            raise UserError(trial.problems)
        log.info(trial.throughput(summary))
    return summary


class _Trial:
    def __init__(self, view: View, prepared: PreparedDataset) -> None:
        self.config = view.need("augmentation")
        self.task = prepared.manifest.task
        self.seed = view.environment.seed if view.environment else 0
        self.workers = max(view.environment.num_workers if view.environment else 0, 1)
        self.batch_size = view.environment.batch_size if view.environment else 1
        self.model = view.need("model")
        self.prepared = prepared
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def try_phase(self, phase: str) -> PhaseReport:
        """Run one recipe on samples of the split that it will see."""
        entries = getattr(self.config, phase)
        recipe = self._build(phase, entries)
        split = "train" if phase == "train" or "valid" not in self.prepared.splits else "valid"
        reader = self.prepared.split(split)
        indices = _spread(reader, self.config.checks.samples)
        stored = [reader[index] for index in indices]
        traces = []
        for index, sample in zip(indices, stored, strict=True):
            with seeded(self.seed, 0, index):
                traces.append(trace(recipe, to_sample(self.task, sample.image_bytes, sample.target)))
        found = check_results(phase, recipe, traces)
        speed = 0.0
        if not any(followed.error for followed in traces):
            source = build_dataset(self.prepared, split, recipe, self.seed)
            found += self._check_randomness(phase, entries, source, indices)
            speed = _measure(source, indices)
            if phase == "train" and not found:
                found += self._check_mixing(recipe, source, indices)
        self.problems += found
        return PhaseReport(phase, recipe, [sample.path for sample in stored], traces, speed)

    def _build(self, phase: str, entries: Sequence[Any]) -> Recipe:
        try:
            return build_recipe(entries, BuildContext(self.task))
        except UserError as error:
            self.problems += [f"augmentation.{phase}: {line}" for line in error.problems]
            return Recipe([], [], [])

    def _check_randomness(
        self, phase: str, entries: Sequence[Any], source: ImageDataset, indices: Sequence[int]
    ) -> list[str]:
        random_names = [
            f"augmentation.{phase}[{position}] ({entry.name})"
            for position, entry in enumerate(entries)
            if entry.random and entry.acts_on != "batch"
        ]
        once, again = ([source[0, index, 0] for index in indices] for _ in range(2))
        later = [source[epoch, index, 0] for epoch in range(1, _EPOCHS) for index in indices]
        problems, warnings = check_repeatable(phase, random_names, once, again, later)
        self.warnings += warnings
        return problems

    def _check_mixing(self, recipe: Recipe, source: ImageDataset, indices: Sequence[int]) -> list[str]:
        problems: list[str] = []
        batch = [source[0, index, 0] for index in indices]
        images = torch.stack([sample["image"] for sample in batch])
        labels = torch.tensor([sample["label"] for sample in batch])
        for transform in recipe.batch_transforms:
            with seeded(self.seed, 0):
                problems += check_batch_transform(transform, images, labels, len(self.prepared.classes))
        return problems

    def summarise(self, train: PhaseReport) -> AugmentationSummary:
        """Compare the speed with what is asked for, else with what training takes in on this machine."""
        alone = train.images_per_second
        together = alone * min(self.workers, os.cpu_count() or 1)
        needed = 0.0 if self.problems else self._training_speed(train)
        wanted = self.config.checks.min_images_per_second
        least, key, why = (
            (needed, "environment.num_workers", "training takes in {:.0f} images/s on this machine")
            if wanted is None
            else (wanted, "augmentation.checks.min_images_per_second", "{:g} are asked for")
        )
        if alone and together < least:
            line = (
                f"{key}: {why.format(least)}, the train recipe is estimated at {together:.0f}; "
                "raise environment.num_workers or drop slow transforms"
            )
            (self.problems if self.config.checks.slow_pipeline == "refuse" else self.warnings).append(line)
        samples = min(self.config.checks.samples, len(self.prepared.split("train")))
        return AugmentationSummary(samples, alone, together, needed, list(self.warnings))

    def _training_speed(self, train: PhaseReport) -> float:
        image = train.traces[0].stages[-1].image
        return measure_training_speed(self.model, len(self.prepared.classes), image, self.batch_size)

    def throughput(self, summary: AugmentationSummary) -> str:
        """Say how fast the training recipe is."""
        alone, together = summary.images_per_second, summary.estimated_images_per_second
        return (
            f"{summary.samples} images tried. The train recipe makes {alone:.0f} images/s in one process, "
            f"an estimated {together:.0f} with num_workers {self.workers} on {os.cpu_count()} cores; "
            f"training takes in {summary.needed_images_per_second:.0f} on this machine."
        )


def _spread(reader: SplitReader, samples: int) -> list[int]:
    """Return sample indices spread over the whole split."""
    places = np.linspace(0, len(reader) - 1, min(samples, len(reader)))
    return [int(index) for index in np.unique(places.round())]


def _measure(source: ImageDataset, indices: Sequence[int]) -> float:
    """Return images/s of decoding and recipe on one thread, as a loader process has it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        done, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < _MEASURED_SECONDS:
            source[_EPOCHS, indices[done % len(indices)], 0]
            done += 1
        return done / elapsed
    finally:
        torch.set_num_threads(threads)
