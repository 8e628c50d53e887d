"""``randomzoomout``: the image on a larger canvas."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.adapters import OnAll, SampleTransform, fills
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import RandomZoomOut


@TRANSFORMS.register("randomzoomout")
def build(entry: RandomZoomOut, context: BuildContext) -> SampleTransform:
    """Enlarge the canvas by a factor in ``side_range`` with probability ``p``; resize or crop afterwards."""
    return OnAll(v2.RandomZoomOut(fills(entry.fill), entry.side_range), p=entry.p)
