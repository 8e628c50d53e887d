"""``randomcrop``: a random part of a fixed size."""

from __future__ import annotations

from torchvision.transforms import v2

from kubepresso.augmentation.adapters import Cuts, InTurn, OnAll, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.augmentation.transforms.pad import PadToSize
from kubepresso.config.augmentation.geometry import RandomCrop

LEAST_SHARE = 0.2


@TRANSFORMS.register("randomcrop")
def build(entry: RandomCrop, context: BuildContext) -> SampleTransform:
    """Crop ``size`` at random; a smaller image is first padded, right and bottom, with ``fill``.

    Objects of which less than a fifth of the box is left are dropped; an image may end up without any.
    """
    crop = Cuts(v2.RandomCrop(entry.size), least=LEAST_SHARE)
    return InTurn(OnAll(PadToSize(entry.size, entry.fill)), crop)
