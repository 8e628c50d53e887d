"""``randomresize2``: a random scale, aspect kept."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.adapters import OnAll, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import RandomResize2


@register("randomresize2")
def build(entry: RandomResize2, context: BuildContext) -> SampleTransform:
    """Fit into ``base_size`` times a factor from ``random_range``; sizes differ, so crop or pad then."""
    height, width = entry.base_size
    interpolation = InterpolationMode(entry.interpolation)
    return OnAll(v2.ScaleJitter((width, height), entry.random_range, interpolation, antialias=True))
