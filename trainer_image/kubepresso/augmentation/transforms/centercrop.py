"""``centercrop``: the middle of the image."""

from __future__ import annotations

from typing import Any

from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import Cuts, Params, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import CenterCrop
from kubepresso.sampling import IGNORE


@TRANSFORMS.register("centercrop")
def build(entry: CenterCrop, context: BuildContext) -> SampleTransform:
    """Crop to ``size`` around the centre; a smaller image is padded with zeros, its mask with 255."""
    return Cuts(_CenterCrop(entry.size))


class _CenterCrop(v2.CenterCrop):
    """torchvision's, which moves boxes and image by different odd borders, and fills masks with class 0."""

    def make_params(self, flat_inputs: list[Any]) -> Params:
        """Find what is missing: the odd pixel is added on the right and at the bottom."""
        given = F.get_size(flat_inputs[0])
        missing = [max(wanted - have, 0) for wanted, have in zip(self.size, given, strict=True)]
        above, left = (length // 2 for length in missing)
        return {"padding": [left, above, missing[1] - left, missing[0] - above]}

    def transform(self, inpt: Any, params: Params) -> Any:
        """Pad one part of the sample, and crop it."""
        if any(params["padding"]):
            fill = IGNORE if isinstance(inpt, tv_tensors.Mask) else 0
            inpt = self._call_kernel(F.pad, inpt, padding=params["padding"], fill=fill)
        return super().transform(inpt, params)
