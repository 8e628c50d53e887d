"""Transforms of torchvision as transforms of a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.parts import PLACED, areas, drop_empty, hide_outside, keep
from kubepresso.sampling import IGNORE, SampleContext

Sample = dict[str, Any]
Params = dict[str, Any]
NEAREST = InterpolationMode.NEAREST_EXACT
"""The pixel whose middle is nearest, as in Pillow; torchvision's other one shifts by up to half a pixel."""


class SampleTransform(Protocol):
    """Transforms one sample; draws from torch's CPU generator, and changes nothing in place."""

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        """Return the sample transformed.

        Args:
            sample: As `Recipe` describes, with a plain tensor as image.
            context: When and where; None where the caller has no data set.
        """
        ...


class OnImage:
    """Changes values of the image and moves nothing.

    Args:
        change: From image to image, for example a transform of torchvision.
    """

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        self.change = change

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        """Change the image."""
        return {**sample, "image": self.change(sample["image"])}


class OnAll:
    """Moves image, mask, boxes and keypoints by the same draws.

    torchvision's own call flattens and rebuilds the sample, which for a small image takes longer than most
    transforms; this makes the same draws in the same order.

    Args:
        transform: Of torchvision.
        p: Probability; None where it always acts.
        masks: The same with `NEAREST` for masks, where the transform resizes; None for the same.
    """

    def __init__(
        self, transform: v2.Transform, p: float | None = None, masks: v2.Transform | None = None
    ) -> None:
        self.transform = transform
        self.p = p
        self.masks = masks

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        """Draw, and move every part."""
        if self.p is not None and torch.rand(1) >= self.p:
            return sample
        parts = {key: sample[key] for key in PLACED if key in sample}
        params = self.transform.make_params(list(parts.values()))
        if self.masks is not None and "mask" in parts:
            plain = self.masks.transform(parts.pop("mask").as_subclass(Tensor)[None], params)[0]
            sample = {**sample, "mask": tv_tensors.Mask(plain)}
        moved = {key: self.transform.transform(part, params) for key, part in parts.items()}
        return self.settle({**sample, **moved}, sample, params)

    def settle(self, sample: Sample, before: Sample, params: Params) -> Sample:
        """Return the moved sample with the parts settled that its boxes and keypoints depend on."""
        return sample


class Cuts(OnAll):
    """Moves all parts and may cut objects and keypoints away.

    Args:
        transform: Of torchvision.
        p: Probability; None where it always acts.
        least: Least share of an object's area that must be left of it; one without any is always dropped.
        zoom: By which factor areas grow, given the transform's parameters; None for 1.
        masks: See `OnAll`.
    """

    def __init__(
        self,
        transform: v2.Transform,
        p: float | None = None,
        least: float = 0.0,
        zoom: Callable[[Params], float] | None = None,
        masks: v2.Transform | None = None,
    ) -> None:
        super().__init__(transform, p, masks)
        self.least = least
        self.zoom = zoom

    def settle(self, sample: Sample, before: Sample, params: Params) -> Sample:
        """Drop what is cut away: padding that follows must not bring it back."""
        if "keypoints" in sample:
            sample = hide_outside(sample)
        if "labels" not in sample:
            return sample
        if self.least:
            zoom = self.zoom(params) if self.zoom else 1.0
            wanted = areas(before["boxes"]) * zoom * self.least
            sample = keep(sample, areas(sample["boxes"]) >= wanted)
        return drop_empty(sample)


class InTurn:
    """Several transforms as one.

    Args:
        transforms: In their order.
    """

    def __init__(self, *transforms: SampleTransform) -> None:
        self.transforms = transforms

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        """Apply one after the other."""
        for transform in self.transforms:
            sample = transform(sample, context)
        return sample


def fills(fill: Any) -> dict[Any, Any]:
    """Return what torchvision takes as fill: a grey value or colour for images, 255 for masks."""
    return {"others": fill, tv_tensors.Mask: IGNORE}


def interpolation_of(name: str) -> InterpolationMode:
    """Return the interpolation of a resize: nearest, bilinear or bicubic."""
    return NEAREST if name == "nearest" else InterpolationMode(name)
