"""``trivialaugmentwide``: one random operation at a random strength."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.policies import TrivialAugmentWide


@TRANSFORMS.register("trivialaugmentwide")
def build(entry: TrivialAugmentWide, context: BuildContext) -> SampleTransform:
    """TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158); before ``totensor``."""
    interpolation = InterpolationMode(entry.interpolation)
    return OnImage(v2.TrivialAugmentWide(entry.num_magnitude_bins, interpolation, entry.fill))
