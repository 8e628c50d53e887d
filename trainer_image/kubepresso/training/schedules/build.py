"""From ``training.scheduler`` to a schedule."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from kubepresso.training.schedules.registry import SCHEDULES, Schedule


def build_schedule(config: Any, epochs: int) -> Schedule:
    """Build the schedule; an ``end_epoch`` beyond the last epoch is brought back to it.

    Args:
        config: ``training.scheduler``.
        epochs: ``training.epochs``, or those of the retraining.
    """
    end = min(getattr(config, "end_epoch", None) or epochs, epochs)
    return SCHEDULES[config.name](config, end)


def set_learning_rates(optimizer: Optimizer, schedule: Schedule, epoch: int) -> float:
    """Set every group's lr for one epoch, each from its own base, which stays in the group as ``base_lr``.

    Args:
        optimizer: Changed in place.
        schedule: From `build_schedule`.
        epoch: Counted from 0.

    Returns:
        The first group's lr.
    """
    for group in optimizer.param_groups:
        group["lr"] = schedule(group.setdefault("base_lr", group["lr"]), epoch)
    return float(optimizer.param_groups[0]["lr"])
