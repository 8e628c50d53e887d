"""``autoaugment``: a learned policy."""

from __future__ import annotations

from torchvision.transforms import AutoAugmentPolicy, InterpolationMode, v2

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.policies import AutoAugment


@TRANSFORMS.register("autoaugment")
def build(entry: AutoAugment, context: BuildContext) -> SampleTransform:
    """AutoAugment (Cubuk et al. 2018, arXiv:1805.09501) with ``policy`` imagenet, cifar10 or svhn."""
    policy = AutoAugmentPolicy(entry.policy)
    return OnImage(v2.AutoAugment(policy, InterpolationMode(entry.interpolation), entry.fill))
