"""Transforms of a whole batch, applied after samples are stacked."""

from __future__ import annotations

from typing import Protocol

import torch


class BatchTransform(Protocol):
    """Mixes the samples of a batch; draws from torch's CPU generator, so seed it around the call."""

    def __call__(
        self, images: torch.Tensor, labels: torch.Tensor, num_classes: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Transform a batch.

        Args:
            images: float ``[N, 3, H, W]``, on any device.
            labels: int64 ``[N]``.
            num_classes: Length of a soft target.

        Returns:
            Images of the same shape, and soft targets, float32 ``[N, num_classes]``, each row summing to 1.
        """
        ...
