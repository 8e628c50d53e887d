"""``randomhorizontalflip`` and ``randomverticalflip``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import Sample, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.parts import size_of
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import RandomHorizontalFlip, RandomVerticalFlip
from kubepresso.sampling import SampleContext


@TRANSFORMS.register("randomhorizontalflip")
def build_horizontal(entry: RandomHorizontalFlip, context: BuildContext) -> SampleTransform:
    """Mirror left and right with probability ``p``; keypoints change places with their partners."""
    return _Flip(F.horizontal_flip, F.horizontal_flip_image, 0, entry.p, context)


@TRANSFORMS.register("randomverticalflip")
def build_vertical(entry: RandomVerticalFlip, context: BuildContext) -> SampleTransform:
    """Mirror top and bottom with probability ``p``; keypoints change places with their partners.

    It is a mirror, too: the left hand of what it shows looks like a right one.
    """
    return _Flip(F.vertical_flip, F.vertical_flip_image, 1, entry.p, context)


class _Flip:
    """Mirrors all parts along an axis.

    Keypoints lie where boxes and pixels do, from 0 to the width, so x becomes width - x. torchvision takes
    them for pixel indexes here (width - 1 - x) and not when it resizes.

    Args:
        flip: torchvision's functional.
        flip_image: Its kernel for plain tensors.
        axis: 0 for x, 1 for y.
        p: Probability.
        context: With the keypoints' partners.
    """

    def __init__(
        self,
        flip: Callable[[Any], Any],
        flip_image: Callable[[Tensor], Tensor],
        axis: int,
        p: float,
        context: BuildContext,
    ) -> None:
        self.flip = flip
        self.flip_image = flip_image
        self.axis = axis
        self.p = p
        if context.task == "pose_estimation" and not context.swap:
            raise ValueError("the data set does not say which keypoints change places when mirrored")
        self.partners = torch.tensor(context.swap, dtype=torch.int64)

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        """Draw, and mirror every part."""
        if torch.rand(1) >= self.p:
            return sample
        moved: Sample = {key: self.flip(sample[key]) for key in ("mask", "boxes") if key in sample}
        if "keypoints" in sample:
            moved |= self._mirror(sample)
        return {**sample, **moved, "image": self.flip_image(sample["image"])}

    def _mirror(self, sample: Sample) -> Sample:
        length = size_of(sample)[1 - self.axis]
        points = sample["keypoints"].as_subclass(Tensor)[self.partners]
        points[:, self.axis] = length - points[:, self.axis]
        keypoints = tv_tensors.KeyPoints(points, canvas_size=size_of(sample))
        return {"keypoints": keypoints, "visibility": sample["visibility"][self.partners]}
