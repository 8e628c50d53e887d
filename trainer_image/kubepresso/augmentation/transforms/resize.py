"""``resize``: to a fixed size, or one side to a length."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.adapters import NEAREST, OnAll, SampleTransform, interpolation_of
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import Resize


@register("resize")
def build(entry: Resize, context: BuildContext) -> SampleTransform:
    """Resize with antialiasing.

    A pair is height and width. One number is the length of the side named by ``resize_criteria``, the other
    side follows, and ``max_size`` bounds the longer one; where it is null, the result is a square.
    """
    interpolation = interpolation_of(entry.interpolation)
    return OnAll(_transform(entry, interpolation), masks=_transform(entry, NEAREST))


def _transform(entry: Resize, interpolation: InterpolationMode) -> v2.Transform:
    if not isinstance(entry.size, int):
        return v2.Resize(entry.size, interpolation, antialias=True)
    if entry.resize_criteria == "long":
        return v2.Resize(None, interpolation, max_size=entry.size, antialias=True)
    if entry.resize_criteria == "short":
        return v2.Resize(entry.size, interpolation, max_size=entry.max_size, antialias=True)
    return v2.Resize((entry.size, entry.size), interpolation, antialias=True)
