"""``colorjitter``: brightness, contrast, saturation and hue, in random order."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.colour import ColorJitter


@register("colorjitter")
def build(entry: ColorJitter) -> v2.Transform:
    """Jitter colours with probability ``p``; a number is the range around no change, a pair the range."""
    jitter = v2.ColorJitter(entry.brightness, entry.contrast, entry.saturation, entry.hue)
    return v2.RandomApply([jitter], p=entry.p)
