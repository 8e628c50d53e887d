"""``randomresizedcrop``: a random part, resized."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import RandomResizedCrop


@register("randomresizedcrop")
def build(entry: RandomResizedCrop) -> v2.Transform:
    """Crop a share of the area in ``scale`` with an aspect in ``ratio``, and resize it to ``size``."""
    return v2.RandomResizedCrop(
        entry.size, entry.scale, entry.ratio, InterpolationMode(entry.interpolation), antialias=True
    )
