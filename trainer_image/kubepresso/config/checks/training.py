"""Whether schedule, optimizer and validation suit the training's length and one another."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks.findings import Finding, warning
from kubepresso.config.config import View
from kubepresso.config.problems import Path
from kubepresso.config.training.schedulers import Cosine, Scheduler, Step

_PHASE = "iters_per_phase"
#: Epochs of a trial, of which nothing is told.
_SHORT = 10


def check_training(view: View) -> Iterator[Finding]:
    """Check that schedules end with the training, and that precision is said once."""
    training = view.training
    if training is None:
        return
    path: Path = ("training", "scheduler")
    yield from _check_schedule(training.scheduler, training.epochs, path)
    yield from _check_least(training.scheduler, training.optimizer.lr, path)
    again = training.retraining
    if again.scheduler is not None:
        path = ("training", "retraining", "scheduler")
        yield from _check_schedule(again.scheduler, again.epochs or training.epochs, path)
    rate = again.optimizer.lr if again.optimizer is not None else None
    if again.scheduler is not None or rate is not None:
        schedule = again.scheduler or training.scheduler
        yield from _check_least(schedule, training.optimizer.lr if rate is None else rate, path)
    if training.mixed_precision and training.precision == "fp32":
        yield warning("overrides mixed_precision: true", "training", "precision")


def _check_schedule(scheduler: Scheduler, epochs: int, path: Path) -> Iterator[Finding]:
    end = getattr(scheduler, "end_epoch", None)
    if end is not None and end > epochs:
        yield warning(f"{end} is after the last epoch and is taken as {epochs}", *path, "end_epoch")
    warmup = getattr(scheduler, "warmup_epochs", 0)
    last = min(end or epochs, epochs)
    if warmup >= last:
        yield warning(f"{warmup} leaves nothing after the warm-up of {last} epochs", *path, "warmup_epochs")
    else:
        yield from _check_phase(scheduler, epochs, last, path)
    late = [epoch for epoch in getattr(scheduler, "milestones", ()) if epoch >= epochs]
    if late:
        yield warning(f"{late[0]} is never reached in {epochs} epochs", *path, "milestones")


def _check_phase(scheduler: Scheduler, epochs: int, last: int, path: Path) -> Iterator[Finding]:
    phase = getattr(scheduler, "iters_per_phase", 0)
    if isinstance(scheduler, Step) and phase > min(last, epochs - 1):
        yield warning(f"{phase} is never reached in {epochs} epochs: the rate stays as it is", *path, _PHASE)
    if isinstance(scheduler, Cosine) and phase > epochs - scheduler.warmup_epochs:
        left = epochs - scheduler.warmup_epochs
        text = f"{phase} is more than the {left} epochs after the warm-up: the rate does not fall to its end"
        yield warning(text, *path, _PHASE)


def _check_least(scheduler: Scheduler, rate: float, path: Path) -> Iterator[Finding]:
    least = getattr(scheduler, "min_lr", 0.0)
    if least > rate:
        text = f"{least:g} is greater than the learning rate, {rate:g}, which then never falls"
        yield warning(text, *path, "min_lr")


def check_validations(view: View) -> Iterator[Finding]:
    """Tell where a long training is validated after its first and last epoch only."""
    if view.training is None or view.logging is None:
        return
    epochs, every = view.training.epochs, view.logging.model_save_options.validation_epoch
    if every >= epochs > _SHORT:
        text = f"{every} validates after the first and the last of {epochs} epochs only"
        yield warning(text, "logging", "model_save_options", "validation_epoch")
