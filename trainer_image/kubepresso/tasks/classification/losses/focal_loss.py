"""Focal loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from kubepresso.config.model.losses import FocalLoss
from kubepresso.tasks.classification.registry import LOSSES, Loss


@LOSSES.register("focal_loss")
def build(entry: FocalLoss) -> Loss:
    """Build the mean of ``-alpha * t * (1 - p)^gamma * log p``, summed over classes.

    ``p`` are the softmax probabilities and ``t`` the target, one-hot or soft; ``gamma`` 0 and ``alpha`` 1 is
    cross-entropy (Lin et al. 2017, arXiv:1708.02002, in its softmax form).
    """
    alpha, gamma = 1.0 if entry.alpha is None else entry.alpha, entry.gamma

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=1)
        if target.is_floating_point():
            return (-alpha * target * (1 - log_p.exp()) ** gamma * log_p).sum(dim=1).mean()
        log_p = log_p.gather(1, target[:, None])
        return (-alpha * (1 - log_p.exp()) ** gamma * log_p).mean()

    return loss
