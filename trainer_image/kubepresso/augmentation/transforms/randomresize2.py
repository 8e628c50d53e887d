"""``randomresize2``: a random scale, aspect kept."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation import RandomResize2


@register("randomresize2")
def build(entry: RandomResize2) -> v2.Transform:
    """Fit into ``base_size`` times a factor drawn from ``random_range``; sizes differ, so crop or pad afterwards."""
    size = (entry.base_size, entry.base_size) if isinstance(entry.base_size, int) else tuple(entry.base_size)
    low, high = entry.random_range
    return v2.ScaleJitter(size, (low, high), InterpolationMode(entry.interpolation), antialias=True)
