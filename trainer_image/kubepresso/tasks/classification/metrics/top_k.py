"""Share of images whose class is among the k highest logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kubepresso.tasks.classification.registry import METRICS
from kubepresso.tasks.task import Batch, Metric, State


class TopKAccuracy:
    """Counts of images and of hits.

    Args:
        name: The metric's name.
        k: How many choices; with fewer classes than that, every image is a hit.
    """

    higher_is_better = True

    def __init__(self, name: str, k: int) -> None:
        self.name = name
        self._k = k
        self._images = 0
        self._hits: Tensor | None = None

    def update(self, outputs: Tensor, batch: Batch) -> None:
        """Take in logits ``[N, C]`` and ``label`` ``[N]``."""
        label: Tensor = batch["label"]
        k = min(self._k, outputs.shape[1])
        hits = (outputs.topk(k, dim=1).indices == label[:, None]).sum()
        self._hits = hits if self._hits is None else self._hits + hits
        self._images += len(label)

    def state(self) -> State:
        """Return hits and images."""
        hits = torch.tensor(0) if self._hits is None else self._hits.cpu()
        return hits, torch.tensor(self._images)

    def merge(self, states: Sequence[State]) -> None:
        """Add up the counts."""
        self._hits = torch.stack([hits for hits, _ in states]).sum()
        self._images = sum(int(images) for _, images in states)

    def compute(self) -> float:
        """Return the share of hits; NaN over no images."""
        hits, images = self.state()
        return int(hits) / int(images) if images else float("nan")


@METRICS.register("top1_accuracy")
def top1(num_classes: int) -> Metric:
    """Accuracy of the first choice."""
    return TopKAccuracy("top1_accuracy", 1)


@METRICS.register("top5_accuracy")
def top5(num_classes: int) -> Metric:
    """Accuracy of the first five choices."""
    return TopKAccuracy("top5_accuracy", 5)
