"""``resize``: to a fixed size, or one side to a length."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation import Resize


@register("resize")
def build(entry: Resize) -> v2.Transform:
    """Resize with antialiasing.

    A pair is height and width. One number is the length of the side named by ``resize_criteria`` (short where it is
    null), the other side follows; ``max_size`` bounds the longer side then.
    """
    interpolation = InterpolationMode(entry.interpolation)
    if isinstance(entry.size, int) and entry.resize_criteria == "long":
        return v2.Resize(None, interpolation, max_size=entry.size, antialias=True)
    return v2.Resize(entry.size, interpolation, max_size=entry.max_size, antialias=True)
