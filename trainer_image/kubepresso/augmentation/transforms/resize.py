"""``resize``: to a fixed size, or one side to a length."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import NEAREST, OnAll, SampleTransform, interpolation_of
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import Resize


@TRANSFORMS.register("resize")
def build(entry: Resize, context: BuildContext) -> SampleTransform:
    """Resize with antialiasing.

    A pair is height and width. One number is the length of the side named by ``resize_criteria``, the other
    side follows, at least 1 pixel long, and ``max_size`` bounds the longer one; where ``resize_criteria`` is
    null, the result is a square.
    """
    interpolation = interpolation_of(entry.interpolation)
    return OnAll(_transform(entry, interpolation), masks=_transform(entry, NEAREST))


def _transform(entry: Resize, interpolation: InterpolationMode) -> v2.Transform:
    if isinstance(entry.size, int) and entry.resize_criteria == "long":
        return _BySide(None, entry.size, interpolation)
    if isinstance(entry.size, int) and entry.resize_criteria == "short":
        return _BySide(entry.size, entry.max_size, interpolation)
    size = (entry.size, entry.size) if isinstance(entry.size, int) else entry.size
    return v2.Resize(size, interpolation, antialias=True)


class _BySide(v2.Transform):
    """The resize by one side as torchvision has it, which leaves a thin image without pixels.

    Args:
        short: Length of the shorter side; None where the longer one says it.
        longest: What the longer side must not exceed, or is where ``short`` is None.
        interpolation: Of torchvision.
    """

    def __init__(self, short: int | None, longest: int | None, interpolation: InterpolationMode) -> None:
        super().__init__()
        self.short = short
        self.longest = longest
        self.interpolation = interpolation

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Return the height and width to make."""
        height, width = (int(side) for side in flat_inputs[0].shape[-2:])
        low, high = min(height, width), max(height, width)
        short, long = (low, high) if self.short is None else (self.short, int(self.short * high / low))
        if self.longest is not None and (self.short is None or long > self.longest):
            short, long = int(self.longest * short / long), self.longest
        sides = [max(short, 1), max(long, 1)]
        return {"size": sides if height <= width else sides[::-1]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Resize one part."""
        return F.resize(inpt, params["size"], interpolation=self.interpolation, antialias=True)
