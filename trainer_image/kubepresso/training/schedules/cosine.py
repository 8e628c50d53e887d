"""``cosine``: warm-up, then half a cosine again and again."""

from __future__ import annotations

import math

from kubepresso.config.training.schedulers import Cosine
from kubepresso.training.schedules.registry import SCHEDULES, Schedule
from kubepresso.training.schedules.warmup import warmup


@SCHEDULES.register("cosine")
def build(entry: Cosine, end: int) -> Schedule:
    """Return, after the warm-up, ``low + (lr - low) * (1 + cos(pi * s)) / 2``.

    ``s = ((epoch - warmup_epochs) mod iters_per_phase) / iters_per_phase``; ``low = min(min_lr, lr)``
    (SGDR, Loshchilov and Hutter 2016, arXiv:1608.03983, with phases of equal length).
    """

    def schedule(lr: float, epoch: int) -> float:
        if epoch < entry.warmup_epochs:
            return warmup(lr, epoch, entry.warmup_epochs, entry.warmup_bias_lr)
        low = min(entry.min_lr, lr)
        phase = (epoch - entry.warmup_epochs) % entry.iters_per_phase / entry.iters_per_phase
        return low + (lr - low) * (1 + math.cos(math.pi * phase)) / 2

    return schedule
