"""``poly``: warm-up, then a fall by a power of what is left."""

from __future__ import annotations

from kubepresso.config.training.schedulers import Poly
from kubepresso.training.schedules.registry import SCHEDULES, Schedule
from kubepresso.training.schedules.warmup import share, warmup


@SCHEDULES.register("poly")
def build(entry: Poly, end: int) -> Schedule:
    """Return, after the warm-up, ``low + (lr - low) * (1 - s) ** power``.

    ``s = (epoch - warmup_epochs) / (end - warmup_epochs)``, at most 1; ``low = min(min_lr, lr)``.
    """

    def schedule(lr: float, epoch: int) -> float:
        if epoch < entry.warmup_epochs:
            return warmup(lr, epoch, entry.warmup_epochs, entry.warmup_bias_lr)
        low = min(entry.min_lr, lr)
        left = 1 - share(epoch, entry.warmup_epochs, end)
        return float(low + (lr - low) * left**entry.power)

    return schedule
