"""``mixing``: MixUp and CutMix of a whole batch, with soft targets."""

from __future__ import annotations

import torch
from torch.nn import functional
from torchvision.transforms import v2

from kubepresso.augmentation.batch import BatchTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.mixing import Mixing


@TRANSFORMS.register("mixing")
def build(entry: Mixing, context: BuildContext) -> BatchTransform:
    """Mix with ``mixup`` and ``cutmix``, each ``[alpha, p]``; with both, each batch gets one of them.

    ``inplace`` is accepted and changes nothing: a mixed batch is always a new tensor.
    """
    return MixingTransform(entry.mixup, entry.cutmix)


class MixingTransform:
    """MixUp (Zhang et al. 2017, arXiv:1710.09412) and CutMix (Yun et al. 2019, arXiv:1905.04899).

    Args:
        mixup: ``(alpha, p)``, or None for none.
        cutmix: ``(alpha, p)``, or None for none.
    """

    def __init__(self, mixup: tuple[float, float] | None, cutmix: tuple[float, float] | None) -> None:
        pairs = [(v2.MixUp, mixup), (v2.CutMix, cutmix)]
        self.choices = [(kind, *pair) for kind, pair in pairs if pair]
        if not self.choices:
            raise ValueError("neither mixup nor cutmix is given")

    def __call__(
        self, images: torch.Tensor, labels: torch.Tensor, num_classes: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix a batch; where the draw says no, targets are one-hot."""
        kind, alpha, p = self.choices[int(torch.randint(len(self.choices), ()))]
        if torch.rand(()).item() >= p or len(labels) == 0:
            return images, functional.one_hot(labels, num_classes).to(torch.float32)
        mixed, targets = kind(alpha=alpha, num_classes=num_classes)(images, labels)
        return mixed, targets.to(torch.float32)
