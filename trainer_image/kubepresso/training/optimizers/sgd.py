"""Stochastic gradient descent, with momentum (Sutskever et al. 2013)."""

from __future__ import annotations

from typing import Any

from torch.optim import SGD

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("sgd")
def build(groups: list[dict[str, Any]], entry: config.SGD, speed: dict[str, bool]) -> SGD:
    """Build from ``momentum`` and ``nesterov``."""
    return SGD(groups, momentum=entry.momentum, nesterov=entry.nesterov, **speed)
