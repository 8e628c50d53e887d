"""What the engine knows of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

Batch = dict[str, Any]
"""Stacked samples: ``image``, float ``[N, 3, H, W]``, and the targets of the task."""

State = tuple[Tensor, ...]
"""What a metric has seen, on the CPU, to be sent to another rank."""


@dataclass(frozen=True)
class Outcome:
    """One forward pass with its losses.

    Attributes:
        losses: Scalars by name. ``loss`` is what is minimised: the weighted sum; where the YAML lists several
            losses, each weighted one stands beside it under its own name.
        outputs: What the model returned, for the metrics.
    """

    losses: dict[str, Tensor]
    outputs: Any


class Metric(Protocol):
    """A figure over a split; merging the states of all ranks and computing once is exact."""

    name: str
    higher_is_better: bool

    def update(self, outputs: Any, batch: Batch) -> None:
        """Take in one batch; must not wait for the device."""
        ...

    def state(self) -> State:
        """Return what has been seen so far."""
        ...

    def merge(self, states: Sequence[State]) -> None:
        """Replace what has been seen by the union of ``states``, which include this rank's own."""
        ...

    def compute(self) -> float:
        """Return the figure."""
        ...


class Task(Protocol):
    """Losses and metrics of one kind of model.

    Attributes:
        name: As in ``model.task``.
        classes: Class names, in the order of the model's outputs.
    """

    name: str
    classes: list[str]

    def augment(self, batch: Batch, transforms: Sequence[Any]) -> Batch:
        """Apply the batch transforms of the training recipe; random draws come from torch's CPU generator."""
        ...

    def step(self, model: nn.Module, batch: Batch) -> Outcome:
        """Run ``model`` on a batch and compute the losses."""
        ...

    def metrics(self) -> Sequence[Metric]:
        """Return new, empty metrics; the first is the primary one, by which the best epoch may be chosen."""
        ...
