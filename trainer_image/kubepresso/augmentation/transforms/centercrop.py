"""``centercrop``: the middle of the image."""

from __future__ import annotations

from typing import Any

from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import IGNORE, Cuts, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.geometry import CenterCrop


@register("centercrop")
def build(entry: CenterCrop, context: BuildContext) -> SampleTransform:
    """Crop to ``size`` around the centre; a smaller image is padded with zeros, its mask with 255."""
    return Cuts(_CenterCrop(entry.size))


class _CenterCrop(v2.CenterCrop):
    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):
            missing = [
                max(wanted - given, 0) for wanted, given in zip(self.size, inpt.shape[-2:], strict=True)
            ]
            above, left = (length // 2 for length in missing)
            below, right = ((length + 1) // 2 for length in missing)
            inpt = self._call_kernel(F.pad, inpt, padding=[left, above, right, below], fill=IGNORE)
        return super().transform(inpt, params)
