"""``randomerasing``: a random rectangle is filled."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.colour import RandomErasing


@register("randomerasing")
def build(entry: RandomErasing) -> v2.Transform:
    """Erase with probability ``p``; ``value`` null fills with normal noise. Stands after ``totensor``."""
    return v2.RandomErasing(entry.p, entry.scale, entry.ratio, entry.value, entry.inplace)
