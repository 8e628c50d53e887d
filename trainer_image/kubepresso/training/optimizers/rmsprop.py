"""RMSprop (Hinton 2012, lecture 6e)."""

from __future__ import annotations

from typing import Any

from torch.optim import RMSprop

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("rmsprop")
def build(groups: list[dict[str, Any]], entry: config.RMSprop, speed: dict[str, bool]) -> RMSprop:
    """Build from ``alpha``, ``momentum`` and ``eps``."""
    return RMSprop(groups, alpha=entry.alpha, momentum=entry.momentum, eps=entry.eps, **speed)
