"""Losses of an epoch's steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kubepresso.training.distributed import Group


class LossMeter:
    """Losses of an epoch's steps, left on the device until they are asked for."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self._values: list[Tensor] = []
        self._checked = 0

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self._values)

    def add(self, losses: dict[str, Tensor]) -> None:
        """Keep one step's losses."""
        self.names = tuple(losses)
        self._values.append(torch.stack([value.detach() for value in losses.values()]))

    def values(self) -> Tensor | None:
        """Return all losses, ``[steps, losses]``; None before the first step."""
        return torch.stack(self._values) if self._values else None

    def restore(self, names: Sequence[str], values: Tensor) -> None:
        """Take over the names and values of another meter."""
        self.names, self._values, self._checked = tuple(names), list(values.unbind()), len(values)

    def first_not_finite(self) -> tuple[int, float] | None:
        """Return the first step, counted from 1, whose loss is infinite or not a number, and that loss."""
        if self._checked == self.count:
            return None
        values = torch.stack(self._values[self._checked :])[:, 0].tolist()
        for step, value in enumerate(values, start=self._checked + 1):
            if not math.isfinite(value):
                return step, value
        self._checked = self.count
        return None

    def means(self, group: Group) -> dict[str, float]:
        """Return the means over all steps and processes, whose batches are of one size."""
        means = group.mean(torch.stack(self._values).double().mean(0))
        return dict(zip(self.names, means.tolist(), strict=True))
