"""``randomresize``: another size for each batch."""

from __future__ import annotations

import numpy as np
from torchvision.transforms import v2

from kubepresso.augmentation.adapters import NEAREST, OnAll, Sample, SampleTransform, interpolation_of
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import RandomResize
from kubepresso.sampling import SampleContext


@TRANSFORMS.register("randomresize")
def build(entry: RandomResize, context: BuildContext) -> SampleTransform:
    """Resize to ``base_size`` and up to ``random_range`` steps of ``stride`` more or less, per batch.

    The size is drawn from seed, epoch and step, so that all samples of a batch get the same one in any worker
    and on any rank. Without a batch it is ``base_size``.
    """
    if min(entry.base_size) - entry.stride * entry.random_range < 1:
        least = [side - entry.stride * entry.random_range for side in entry.base_size]
        raise ValueError(f"the least size would be {least}; lower random_range or stride, or raise base_size")
    return _BatchResize(entry)


class _BatchResize:
    def __init__(self, entry: RandomResize) -> None:
        self.base_size = entry.base_size
        self.stride = entry.stride
        self.random_range = entry.random_range
        self.interpolation = interpolation_of(entry.interpolation)

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        change = self.stride * self._steps(context)
        size = [side + change for side in self.base_size]
        resized = v2.Resize(size, self.interpolation, antialias=True)
        return OnAll(resized, masks=v2.Resize(size, NEAREST))(sample, context)

    def _steps(self, context: SampleContext | None) -> int:
        if context is None:
            return 0
        draws = np.random.default_rng((context.seed, context.epoch, context.step))
        return int(draws.integers(-self.random_range, self.random_range, endpoint=True))
