"""Validate the augmentation: the real recipes on real samples, before any training."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

from kubepresso import tracking
from kubepresso.augmentation.sheet import PhaseReport, write_sheet
from kubepresso.config import View, digest, parse_view
from kubepresso.data import PreparedDataset
from kubepresso.errors import UserError
from kubepresso.steps.augmentation_trial import Trial, losses_of
from kubepresso.steps.trainer_speed import TASKS, measure_training_speed

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class AugmentationSummary:
    """What the trial of the recipes found.

    Args:
        samples: Images tried; instances for poses.
        images_per_second: Of the training recipe with decoding, in one process.
        estimated_images_per_second: The same times the loader processes, as far as there are cores.
        needed_images_per_second: What forward and backward passes take in on this machine; None where the
            task cannot be trained, so that it cannot be measured.
        objects: Shares of boxes, mask classes or keypoints lost by each transform, and what there is of them
            before and after; empty for classification.
        warnings: What was noticed and not refused.
    """

    samples: int
    images_per_second: float
    estimated_images_per_second: float
    needed_images_per_second: float | None
    objects: dict[str, float]
    warnings: list[str]

    def metrics(self) -> dict[str, float]:
        """Return the figures for the pipeline's metrics."""
        needed = self.needed_images_per_second
        return {
            "images_per_second": self.images_per_second,
            "estimated_images_per_second": self.estimated_images_per_second,
            **({} if needed is None else {"needed_images_per_second": needed}),
            **self.objects,
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
        seed = view.environment.seed if view.environment else 0
        trial = Trial(view.need("augmentation"), prepared, seed)
        # MLflow is imported beside the step's work; what is timed must have the processor for itself.
        tracked.wait_for_id(5.0)
        phases = [trial.try_phase("train"), trial.try_phase("inference")]
        summary = _summarise(view, trial, phases)
        for line in trial.warnings:
            log.warning(line)
        throughput = _throughput(summary, _workers(view), trial)
        write_sheet(Path(report), phases, trial.problems, trial.warnings, throughput)
        tracked.log_artifact(Path(report))
        tracked.log_metrics(summary.metrics())
        if trial.problems:
            raise UserError(trial.problems)
        log.info(throughput)
    return summary


def _workers(view: View) -> int:
    return max(view.environment.num_workers if view.environment else 0, 1)


def _summarise(view: View, trial: Trial, phases: list[PhaseReport]) -> AugmentationSummary:
    """Compare the speed with what is asked for, else with what training takes in on this machine."""
    train = phases[0]
    alone = train.images_per_second
    together = alone * min(_workers(view), os.cpu_count() or 1)
    needed = _training_speed(view, trial, train)
    problem = _speed_problem(trial, together, needed) if alone else None
    if problem:
        slow = trial.config.checks.slow_pipeline
        (trial.problems if slow == "refuse" else trial.warnings).append(problem)
    objects = {key: value for report in phases for key, value in losses_of(report).items()}
    return AugmentationSummary(len(train.traces), alone, together, needed, objects, list(trial.warnings))


def _training_speed(view: View, trial: Trial, train: PhaseReport) -> float | None:
    if trial.subject.task not in TASKS:
        return None
    if trial.problems:
        return 0.0
    image = train.traces[0].stages[-1].image
    batch_size = view.environment.batch_size if view.environment else 1
    return measure_training_speed(view.need("model"), len(trial.subject.classes), image, batch_size)


def _speed_problem(trial: Trial, together: float, needed: float | None) -> str | None:
    wanted = trial.config.checks.min_images_per_second
    least, key, why = (
        (needed or 0.0, "environment.num_workers", "training takes in {:.0f} images/s on this machine")
        if wanted is None
        else (wanted, "augmentation.checks.min_images_per_second", "{:g} are asked for")
    )
    if together >= least:
        return None
    return (
        f"{key}: {why.format(least)}, the train recipe is estimated at {together:.0f}; "
        "raise environment.num_workers or drop slow transforms"
    )


def _throughput(summary: AugmentationSummary, workers: int, trial: Trial) -> str:
    """Say how fast the training recipe is."""
    alone, together = summary.images_per_second, summary.estimated_images_per_second
    what = "instances" if trial.subject.task == "pose_estimation" else "images"
    needed = summary.needed_images_per_second
    training = (
        f"what training takes in cannot be measured: no model for {trial.subject.task} can be trained yet"
        if needed is None
        else f"training takes in {needed:.0f} on this machine"
    )
    return (
        f"{summary.samples} {what} tried. The train recipe makes {alone:.0f} {what}/s in one process, "
        f"an estimated {together:.0f} with num_workers {workers} on {os.cpu_count()} cores; {training}."
    )
