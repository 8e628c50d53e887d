"""Cross-entropy with label smoothing."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from kubepresso.config.model.losses import CrossEntropy
from kubepresso.tasks.classification.registry import LOSSES, Loss


@LOSSES.register("cross_entropy")
def build(entry: CrossEntropy) -> Loss:
    """Build from ``label_smoothing`` (Szegedy et al. 2015, arXiv:1512.00567, section 7) and ``ignore_index``.

    Images whose class is ``ignore_index`` count neither in the sum nor in the mean; soft targets know no
    such class.
    """
    smoothing, ignored = entry.label_smoothing, entry.ignore_index

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        if target.is_floating_point():
            return F.cross_entropy(logits, target, label_smoothing=smoothing)
        return F.cross_entropy(logits, target, ignore_index=ignored, label_smoothing=smoothing)

    return loss
