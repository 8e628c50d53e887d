"""Linear warm-up, shared by the schedules that have it."""

from __future__ import annotations


def warmup(lr: float, epoch: int, warmup_epochs: int, bias_lr: float) -> float:
    """Return ``bias_lr + (lr - bias_lr) * epoch / warmup_epochs``, for ``epoch < warmup_epochs``."""
    return bias_lr + (lr - bias_lr) * epoch / warmup_epochs


def share(epoch: int, start: int, end: int) -> float:
    """Return how much of the way from ``start`` to ``end`` lies behind ``epoch``, from 0 to 1."""
    return min(1.0, (epoch - start) / max(1, end - start))
