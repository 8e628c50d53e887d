"""``randomresizedcrop``: a random part, resized."""

from __future__ import annotations

import functools
from typing import Any

from torchvision.transforms import v2

from kubepresso.augmentation.adapters import NEAREST, Cuts, SampleTransform, interpolation_of
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.augmentation.transforms.randomcrop import LEAST_SHARE
from kubepresso.config.augmentation.geometry import RandomResizedCrop


@TRANSFORMS.register("randomresizedcrop")
def build(entry: RandomResizedCrop, context: BuildContext) -> SampleTransform:
    """Crop a share of the area in ``scale`` with an aspect in ``ratio``, and resize it to ``size``.

    Objects of which less than a fifth of the box is left are dropped; an image may end up without any.
    """
    keys = (entry.size, entry.scale, entry.ratio)
    transform = v2.RandomResizedCrop(*keys, interpolation_of(entry.interpolation), antialias=True)
    height, width = transform.size
    zoom = functools.partial(_zoom, height * width)
    return Cuts(transform, least=LEAST_SHARE, zoom=zoom, masks=v2.RandomResizedCrop(*keys, NEAREST))


def _zoom(area: int, params: dict[str, Any]) -> float:
    cropped: float = area / (params["height"] * params["width"])
    return cropped
