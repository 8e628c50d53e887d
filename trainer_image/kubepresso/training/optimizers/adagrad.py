"""Adagrad (Duchi, Hazan and Singer 2011)."""

from __future__ import annotations

from typing import Any

from torch.optim import Adagrad

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("adagrad")
def build(groups: list[dict[str, Any]], entry: config.Adagrad, speed: dict[str, bool]) -> Adagrad:
    """Build from ``lr_decay``."""
    return Adagrad(groups, lr_decay=entry.lr_decay, **speed)
