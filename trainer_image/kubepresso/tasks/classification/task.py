"""The classification task: weighted losses on logits, accuracies on the first choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from kubepresso.tasks.classification.registry import LOSSES, METRICS
from kubepresso.tasks.task import Batch, Metric, Outcome


class ClassificationTask:
    """Logits ``[N, classes]`` against class indices ``[N]``, or soft targets ``[N, classes]`` after mixing.

    Args:
        classes: Class names in the order of their indices.
        losses: The entries of ``model.losses``, each with ``criterion``, ``weight`` and its own keys.
        metric_names: In the order wanted, the first is the primary one; None takes all.
    """

    name = "classification"

    def __init__(
        self, classes: Sequence[str], losses: Sequence[Any], metric_names: Sequence[str] | None = None
    ) -> None:
        self.classes = list(classes)
        self._losses = [(entry.criterion, entry.weight, LOSSES[entry.criterion](entry)) for entry in losses]
        self._metric_names = list(metric_names or ("top1_accuracy", "top5_accuracy"))

    def augment(self, batch: Batch, transforms: Sequence[Any]) -> Batch:
        """Mix the batch; targets become soft."""
        for transform in transforms:
            image, label = transform(batch["image"], batch["label"], len(self.classes))
            batch = {**batch, "image": image, "label": label}
        return batch

    def step(self, model: nn.Module, batch: Batch) -> Outcome:
        """Run the model; the losses are computed in float32 whatever the precision of the forward pass."""
        logits: Tensor = model(batch["image"])
        parts = [(name, weight * loss(logits.float(), batch["label"])) for name, weight, loss in self._losses]
        losses = {"loss": sum((value for _, value in parts[1:]), parts[0][1])}
        if len(parts) > 1:
            losses.update(parts)
        return Outcome(losses, logits)

    def metrics(self) -> list[Metric]:
        """Return new, empty metrics."""
        return [METRICS[name](len(self.classes)) for name in self._metric_names]
