"""``randomerasing``: a random rectangle is filled."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.colour import RandomErasing


@register("randomerasing")
def build(entry: RandomErasing, context: BuildContext) -> SampleTransform:
    """Erase with probability ``p``; ``value`` null fills with normal noise. Stands after ``totensor``.

    Masks, boxes and keypoints stay: what is hidden is still there to be found.
    """
    return OnImage(v2.RandomErasing(entry.p, entry.scale, entry.ratio, entry.value, entry.inplace))
