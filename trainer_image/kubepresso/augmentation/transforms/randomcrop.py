"""``randomcrop``: a random part of a fixed size."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.augmentation.transforms.pad import PadToSize
from kubepresso.config.augmentation.geometry import RandomCrop


@register("randomcrop")
def build(entry: RandomCrop) -> v2.Transform:
    """Crop ``size`` at random; a smaller image is first padded, right and bottom, with ``fill``."""
    return v2.Compose([PadToSize(entry.size, entry.fill), v2.RandomCrop(entry.size)])
