"""``multi_step``: a drop at each milestone."""

from __future__ import annotations

from kubepresso.config.training.schedulers import MultiStep
from kubepresso.training.schedules.registry import SCHEDULES, Schedule


@SCHEDULES.register("multi_step")
def build(entry: MultiStep, end: int) -> Schedule:
    """Return ``lr * gamma ** (number of milestones <= epoch)``."""
    return lambda lr, epoch: lr * entry.gamma ** sum(milestone <= epoch for milestone in entry.milestones)
