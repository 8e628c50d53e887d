"""Adam (Kingma and Ba 2014, arXiv:1412.6980), weight decay as an L2 penalty."""

from __future__ import annotations

from typing import Any

from torch.optim import Adam

from kubepresso.config.training import optimizers as config
from kubepresso.training.optimizers.registry import OPTIMIZERS


@OPTIMIZERS.register("adam")
def build(groups: list[dict[str, Any]], entry: config.Adam, speed: dict[str, bool]) -> Adam:
    """Build from ``betas``."""
    return Adam(groups, betas=entry.betas, **speed)
