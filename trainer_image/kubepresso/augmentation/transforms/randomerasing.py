"""``randomerasing``: a random rectangle is filled."""

from __future__ import annotations

from typing import Any

import torch
from torchvision.transforms import v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation import RandomErasing


@register("randomerasing")
def build(entry: RandomErasing) -> v2.Transform:
    """Erase with probability ``p`` (Zhong et al. 2017, arXiv:1708.04896); ``value`` null fills with noise."""
    value: Any = "random" if entry.value is None else entry.value
    return _RandomErasing(entry.p, tuple(entry.scale), tuple(entry.ratio), value, entry.inplace)


class _RandomErasing(v2.RandomErasing):
    """torchvision's noise is normal, which an image of integers cannot hold: there it is uniform instead."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        params: dict[str, Any] = super().make_params(flat_inputs)
        noise = params["v"]
        integers = any(isinstance(part, torch.Tensor) and part.dtype == torch.uint8 for part in flat_inputs)
        if self.value is None and noise is not None and integers:
            params["v"] = torch.randint(0, 256, noise.shape, dtype=torch.uint8)
        return params
