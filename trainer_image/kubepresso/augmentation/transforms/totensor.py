"""``totensor``: to float32."""

from __future__ import annotations

import functools

import torch
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.colour import ToTensor


@TRANSFORMS.register("totensor")
def build(entry: ToTensor, context: BuildContext) -> SampleTransform:
    """Convert to float32 between 0 and ``pixel_range``, 1 or 255."""
    scale = entry.pixel_range == 1.0
    return OnImage(functools.partial(F.to_dtype_image, dtype=torch.float32, scale=scale))
