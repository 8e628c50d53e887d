"""``normalize``: mean and standard deviation of each channel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.colour import Normalize


@TRANSFORMS.register("normalize")
def build(entry: Normalize, context: BuildContext) -> SampleTransform:
    """Subtract ``mean`` and divide by ``std``, which are on the scale of ``totensor``'s ``pixel_range``."""
    return OnImage(_Normalize(entry.mean, entry.std))


class _Normalize:
    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        # torchvision makes these two anew for each image.
        self.mean = torch.tensor(mean, dtype=torch.float32)[:, None, None]
        self.std = torch.tensor(std, dtype=torch.float32)[:, None, None]

    def __call__(self, image: Tensor) -> Tensor:
        return image.sub(self.mean).div_(self.std)
