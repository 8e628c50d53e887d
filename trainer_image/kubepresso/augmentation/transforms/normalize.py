"""``normalize``: mean and standard deviation of each channel."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.colour import Normalize


@register("normalize")
def build(entry: Normalize) -> v2.Transform:
    """Subtract ``mean`` and divide by ``std``, which are on the scale of ``totensor``'s ``pixel_range``."""
    return v2.Normalize(list(entry.mean), list(entry.std))
