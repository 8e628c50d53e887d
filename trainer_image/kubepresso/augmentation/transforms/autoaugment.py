"""``autoaugment``: a learned policy."""

from __future__ import annotations

from torchvision.transforms import AutoAugmentPolicy, InterpolationMode, v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.policies import AutoAugment


@register("autoaugment")
def build(entry: AutoAugment) -> v2.Transform:
    """AutoAugment (Cubuk et al. 2018, arXiv:1805.09501) with ``policy`` imagenet, cifar10 or svhn."""
    return v2.AutoAugment(AutoAugmentPolicy(entry.policy), InterpolationMode(entry.interpolation), entry.fill)
