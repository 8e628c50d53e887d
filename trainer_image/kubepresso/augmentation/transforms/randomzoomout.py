"""``randomzoomout``: the image on a larger canvas."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import RandomZoomOut


@register("randomzoomout")
def build(entry: RandomZoomOut) -> v2.Transform:
    """Enlarge the canvas by a factor in ``side_range`` with probability ``p``; resize or crop afterwards."""
    return v2.RandomZoomOut(entry.fill, entry.side_range, entry.p)
