"""Adadelta (Zeiler 2012, arXiv:1212.5701)."""

from __future__ import annotations

from typing import Any

from torch.optim import Adadelta

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("adadelta")
def build(groups: list[dict[str, Any]], entry: config.Adadelta, speed: dict[str, bool]) -> Adadelta:
    """Build from ``rho``."""
    return Adadelta(groups, rho=entry.rho, **speed)
