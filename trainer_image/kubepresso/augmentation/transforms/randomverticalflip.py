"""``randomverticalflip``: upside down."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import RandomVerticalFlip


@register("randomverticalflip")
def build(entry: RandomVerticalFlip) -> v2.Transform:
    """Flip with probability ``p``."""
    return v2.RandomVerticalFlip(entry.p)
