"""``randomresize2``: a random scale, aspect kept."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import RandomResize2


@register("randomresize2")
def build(entry: RandomResize2) -> v2.Transform:
    """Fit into ``base_size`` times a factor from ``random_range``; sizes differ, so crop or pad then."""
    interpolation = InterpolationMode(entry.interpolation)
    return v2.ScaleJitter(entry.base_size, entry.random_range, interpolation, antialias=True)
