"""``cosine_no_sgdr``: warm-up, then half a cosine, once."""

from __future__ import annotations

import math

from kubepresso.config.training.schedulers import CosineNoSgdr
from kubepresso.training.schedules.registry import SCHEDULES, Schedule
from kubepresso.training.schedules.warmup import share, warmup


@SCHEDULES.register("cosine_no_sgdr")
def build(entry: CosineNoSgdr, end: int) -> Schedule:
    """Return, after the warm-up, ``low + (lr - low) * (1 + cos(pi * s)) / 2``.

    ``s = (epoch - warmup_epochs) / (end - warmup_epochs)``, at most 1; ``low = min(min_lr, lr)``.
    """

    def schedule(lr: float, epoch: int) -> float:
        if epoch < entry.warmup_epochs:
            return warmup(lr, epoch, entry.warmup_epochs, entry.warmup_bias_lr)
        low = min(entry.min_lr, lr)
        return low + (lr - low) * (1 + math.cos(math.pi * share(epoch, entry.warmup_epochs, end))) / 2

    return schedule
