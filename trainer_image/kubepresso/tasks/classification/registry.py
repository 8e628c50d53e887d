"""Losses and metrics of classification, by their names in the YAML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from kubepresso.registry import Registry
from kubepresso.tasks.task import Metric

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits ``[N, C]`` and class indices ``[N]`` or soft targets ``[N, C]`` to the mean over the batch."""

LOSSES: Registry[Callable[[Any], Loss]] = Registry("kubepresso.tasks.classification.losses")
"""From an entry of ``model.losses`` to a loss."""

METRICS: Registry[Callable[[int], Metric]] = Registry("kubepresso.tasks.classification.metrics")
"""From the number of classes to an empty metric."""
