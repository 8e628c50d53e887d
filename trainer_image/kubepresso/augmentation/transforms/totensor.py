"""``totensor``: to float32."""

from __future__ import annotations

import torch
from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.colour import ToTensor


@register("totensor")
def build(entry: ToTensor) -> v2.Transform:
    """Convert to float32 between 0 and ``pixel_range``, 1 or 255."""
    return v2.ToDtype(torch.float32, scale=entry.pixel_range == 1.0)
