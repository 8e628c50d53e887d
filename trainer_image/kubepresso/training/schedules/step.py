"""``step``: a drop every so many epochs."""

from __future__ import annotations

from kubepresso.config.training.schedulers import Step
from kubepresso.training.schedules.registry import SCHEDULES, Schedule


@SCHEDULES.register("step")
def build(entry: Step, end: int) -> Schedule:
    """Return ``lr * gamma ** floor(min(epoch, end) / iters_per_phase)``."""
    return lambda lr, epoch: lr * entry.gamma ** (min(epoch, end) // entry.iters_per_phase)
