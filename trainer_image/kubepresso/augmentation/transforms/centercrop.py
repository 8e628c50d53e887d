"""``centercrop``: the middle of the image."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import CenterCrop


@register("centercrop")
def build(entry: CenterCrop) -> v2.Transform:
    """Crop to ``size`` around the centre; a smaller image is padded with zeros."""
    return v2.CenterCrop(entry.size)
