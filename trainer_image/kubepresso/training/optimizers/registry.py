"""Optimizers by the name they have in ``training.optimizer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

from kubepresso.registry import Registry

Build = Callable[[list[dict[str, Any]], Any, dict[str, bool]], Optimizer]
"""Parameter groups (each with its lr and weight decay), the config entry, and ``fused`` or ``foreach``."""

OPTIMIZERS: Registry[Build] = Registry("kubepresso.training.optimizers")
