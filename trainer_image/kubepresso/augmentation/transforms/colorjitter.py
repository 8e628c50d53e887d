"""``colorjitter``: brightness, contrast, saturation and hue, in random order."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.colour import ColorJitter


@TRANSFORMS.register("colorjitter")
def build(entry: ColorJitter, context: BuildContext) -> SampleTransform:
    """Jitter colours with probability ``p``; a number is the range around no change, a pair the range."""
    jitter = v2.ColorJitter(entry.brightness, entry.contrast, entry.saturation, entry.hue)
    return OnImage(v2.RandomApply([jitter], p=entry.p))
