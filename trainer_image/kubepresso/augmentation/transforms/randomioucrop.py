"""``randomioucrop``: a crop that keeps a random overlap with an object."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import box_iou
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import Cuts, Params, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import RandomIoUCrop

# What is not found in so many rounds is taken not to be there.
_ROUNDS = 50


@TRANSFORMS.register("randomioucrop")
def build(entry: RandomIoUCrop, context: BuildContext) -> SampleTransform:
    """Crop as SSD does (Liu et al. 2016, arXiv:1512.02325), with probability ``p``.

    A least overlap is drawn from ``sampler_options``, and ``trials`` crops are tried for one that has it with
    an object whose centre it holds; objects whose centre is outside are dropped. An image without objects
    stays as it is, and so does one for which 50 such rounds find no crop.
    """
    options = None if entry.sampler_options is None else list(entry.sampler_options)
    scales = (entry.min_scale, entry.max_scale, entry.min_aspect_ratio, entry.max_aspect_ratio)
    return Cuts(_IoUCrop(*scales, options, entry.trials), p=entry.p)


class _IoUCrop(v2.RandomIoUCrop):
    """torchvision's, by the same draws; that one looks for ever for a crop where there is none."""

    def make_params(self, flat_inputs: list[Any]) -> Params:
        """Find a crop; empty where the image stays as it is."""
        height, width = F.get_size(flat_inputs[0])
        boxes = next(part for part in flat_inputs if isinstance(part, tv_tensors.BoundingBoxes))
        for _ in range(_ROUNDS if len(boxes) else 0):
            least = self.options[int(torch.randint(len(self.options), (1,)))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                crop = self._crop(height, width)
                inside = crop and self._inside(boxes.as_subclass(Tensor), crop, least)
                if crop and inside is not None:
                    top, left, crop_height, crop_width = crop
                    place = {"top": top, "left": left, "height": crop_height, "width": crop_width}
                    return {**place, "is_within_crop_area": inside}
        return {}

    def _crop(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        scale = self.min_scale + (self.max_scale - self.min_scale) * torch.rand(2)
        crop_width, crop_height = int(width * scale[0]), int(height * scale[1])
        if not (crop_width and crop_height):
            return None
        if not self.min_aspect_ratio <= crop_width / crop_height <= self.max_aspect_ratio:
            return None
        place = torch.rand(2)
        left, top = int((width - crop_width) * place[0]), int((height - crop_height) * place[1])
        return top, left, crop_height, crop_width

    def _inside(self, boxes: Tensor, crop: tuple[int, int, int, int], least: float) -> Tensor | None:
        """Return which boxes have their centre in the crop; None where none has enough overlap."""
        top, left, height, width = crop
        frame = torch.tensor([[left, top, left + width, top + height]], dtype=boxes.dtype)
        centres = (boxes[:, :2] + boxes[:, 2:]) * 0.5
        inside = ((centres > frame[:, :2]) & (centres < frame[:, 2:])).all(1)
        if not inside.any() or box_iou(boxes[inside], frame).max() < least:
            return None
        return inside
