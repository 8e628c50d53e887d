"""Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101)."""

from __future__ import annotations

from typing import Any

from torch.optim import AdamW

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("adamw")
def build(groups: list[dict[str, Any]], entry: config.AdamW, speed: dict[str, bool]) -> AdamW:
    """Build from ``betas``."""
    return AdamW(groups, betas=entry.betas, **speed)
