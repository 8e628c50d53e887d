"""``totensor``: to float32."""

from __future__ import annotations

from typing import Any

import torch
from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation import ToTensor

_UINT8_MAX = 255.0


@register("totensor")
def build(entry: ToTensor) -> v2.Transform:
    """Convert integers to float32 between 0 and ``pixel_range``."""
    if entry.pixel_range == 1.0:
        return v2.ToDtype(torch.float32, scale=True)
    return _ToRange(entry.pixel_range)


class _ToRange(v2.Transform):
    def __init__(self, pixel_range: float) -> None:
        super().__init__()
        self.factor = pixel_range / _UINT8_MAX

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        converted = v2.functional.to_dtype(inpt, torch.float32, scale=False)
        return converted if self.factor == 1.0 else converted.mul_(self.factor)
