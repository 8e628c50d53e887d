"""Confusion matrix."""

from __future__ import annotations

import torch
from torch import Tensor


def confusion_matrix(label: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """Count each pair of true and predicted class.

    Args:
        label: int ``[N]``, true classes.
        predicted: int ``[N]``, predicted classes.
        num_classes: Number of classes, C.

    Returns:
        int64 ``[C, C]``; rows are true classes, columns predicted ones.
    """
    pairs = label.long() * num_classes + predicted.long()
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
