"""``randomhorizontalflip``: left to right."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import RandomHorizontalFlip


@register("randomhorizontalflip")
def build(entry: RandomHorizontalFlip) -> v2.Transform:
    """Flip with probability ``p``."""
    return v2.RandomHorizontalFlip(entry.p)
