"""Exponential moving average of a model's state."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn


class Ema:
    """Keeps ``average = d * average + (1 - d) * value`` for every floating tensor of the state.

    ``d`` is ``decay`` (``constant_decay``) or ``decay * (1 - exp(-updates / beta))`` (``exp_decay``, updates
    counted from 1). Running statistics of normalisations are averaged like weights; integer buffers are
    copied.

    Args:
        model: What is averaged; not wrapped for distribution.
        config: ``training.ema``.

    Attributes:
        model: A copy in evaluation mode that holds the average.
        updates: Number of updates so far.
    """

    def __init__(self, model: nn.Module, config: Any) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.updates = 0
        self._decay = config.decay
        self._beta = config.beta if config.name == "exp_decay" else None
        averages, values = self.model.state_dict(), model.state_dict()
        floating = [name for name, value in values.items() if value.is_floating_point()]
        self._averages: list[Tensor] = [averages[name] for name in floating]
        self._values: list[Tensor] = [values[name] for name in floating]
        self._counters = [(averages[name], values[name]) for name in values.keys() - set(floating)]

    def decay(self) -> float:
        """Return the decay of the latest update."""
        if self._beta is None:
            return float(self._decay)
        return float(self._decay * (1 - math.exp(-self.updates / self._beta)))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's present state."""
        self.updates += 1
        torch._foreach_lerp_(self._averages, self._values, 1 - self.decay())
        for average, value in self._counters:
            average.copy_(value)
