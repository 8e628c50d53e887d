"""``randomresize2``: a random scale, aspect kept."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import v2

from kubepresso.augmentation.adapters import NEAREST, OnAll, Params, SampleTransform, interpolation_of
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import RandomResize2


@TRANSFORMS.register("randomresize2")
def build(entry: RandomResize2, context: BuildContext) -> SampleTransform:
    """Fit into ``base_size`` times a factor from ``random_range``; sizes differ, so crop or pad then."""
    height, width = entry.base_size
    # torchvision takes width and height here.
    keys = ((width, height), entry.random_range)
    transform = _ScaleJitter(*keys, interpolation_of(entry.interpolation), antialias=True)
    return OnAll(transform, masks=_ScaleJitter(*keys, NEAREST))


class _ScaleJitter(v2.ScaleJitter):
    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = super().make_params(flat_inputs)["size"]
        return {"size": (max(height, 1), max(width, 1))}
