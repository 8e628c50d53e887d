"""``randomerasing``: a random rectangle is filled."""

from __future__ import annotations

from typing import Any

import torch
from torchvision.transforms import v2

from kubepresso.augmentation.adapters import OnImage, Params, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.colour import RandomErasing


@TRANSFORMS.register("randomerasing")
def build(entry: RandomErasing, context: BuildContext) -> SampleTransform:
    """Erase with probability ``p`` (Zhong et al. 2017, arXiv:1708.04896), before or after ``totensor``.

    ``value`` is on the scale that the image has there. Null fills with noise: any bytes before ``totensor``,
    normal after it. ``inplace`` is accepted and changes nothing. Masks, boxes and keypoints stay: what is
    hidden is still there to be found.
    """
    return OnImage(_Erasing(entry.p, entry.scale, entry.ratio, entry.value))


class _Erasing(v2.RandomErasing):
    def transform(self, inpt: Any, params: Params) -> Any:
        if inpt.dtype == torch.uint8 and self.value is None and params["v"] is not None:
            noise = torch.randint(0, 256, params["v"].shape, dtype=torch.uint8)
            params = {**params, "v": noise}
        return super().transform(inpt, params)
