"""``trivialaugmentwide``: one random operation at a random strength."""

from __future__ import annotations

from torchvision.transforms import InterpolationMode, v2

from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.policies import TrivialAugmentWide


@register("trivialaugmentwide")
def build(entry: TrivialAugmentWide) -> v2.Transform:
    """TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158); before ``totensor``."""
    return v2.TrivialAugmentWide(entry.num_magnitude_bins, InterpolationMode(entry.interpolation), entry.fill)
