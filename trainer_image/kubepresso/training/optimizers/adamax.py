"""Adam with the infinity norm (Kingma and Ba 2014, arXiv:1412.6980, section 7)."""

from __future__ import annotations

from typing import Any

from torch.optim import Adamax

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("adamax")
def build(groups: list[dict[str, Any]], entry: config.Adamax, speed: dict[str, bool]) -> Adamax:
    """Build from ``betas``."""
    return Adamax(groups, betas=entry.betas, **speed)
