"""``hsvjitter``: additive noise on hue, saturation and value."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.colour import HSVJitter

_HUE_SCALE = 180.0
_SCALE = 255.0


@TRANSFORMS.register("hsvjitter")
def build(entry: HSVJitter, context: BuildContext) -> SampleTransform:
    """Add uniform noise to hue, saturation and value, each with probability one half."""
    return OnImage(_HsvJitter(entry.h_mag, entry.s_mag, entry.v_mag))


class _HsvJitter(v2.Transform):
    """The jitter of YOLOX (Ge et al. 2021, arXiv:2107.08430).

    Args:
        h_mag: Largest shift of hue; 180 is the full circle.
        s_mag: Largest shift of saturation, of 255.
        v_mag: Largest shift of value, of 255.
    """

    def __init__(self, h_mag: float, s_mag: float, v_mag: float) -> None:
        super().__init__()
        self.magnitudes = torch.tensor([h_mag / _HUE_SCALE, s_mag / _SCALE, v_mag / _SCALE])

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the three shifts."""
        chosen = torch.randint(0, 2, (3,))
        return {"shift": torch.empty(3).uniform_(-1, 1) * self.magnitudes * chosen}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Shift an image; grey pixels have no hue, and stay grey."""
        pixels = F.to_dtype(inpt.as_subclass(torch.Tensor), torch.float32, scale=True)
        hue, saturation, value = params["shift"].tolist()
        shifted = F.to_dtype(_shift(pixels, hue, saturation, value), inpt.dtype, scale=True)
        return tv_tensors.wrap(shifted, like=inpt)


def _shift(pixels: torch.Tensor, hue: float, saturation: float, value: float) -> torch.Tensor:
    """Shift RGB in 0 to 1, ``[3, H, W]``.

    A channel is ``v (1 - s d)`` with value v, saturation s and its distance d from the largest channel, of
    the distance between largest and smallest: s and v shift as they are, and d alone depends on the hue.
    """
    largest = pixels.amax(0)
    chroma = largest - pixels.amin(0)
    safe = chroma.clamp(min=1e-6)
    distance = (largest - pixels).div_(safe)
    if hue:
        distance = _turned(distance, 6 * hue)
    strength = (chroma / largest.clamp(min=1e-6)).add_(saturation).clamp_(0, 1).mul_(chroma > 0)
    return distance.mul_(strength).neg_().add_(1).mul_(largest.add_(value).clamp_(0, 1))


def _turned(distance: torch.Tensor, sextants: float) -> torch.Tensor:
    """Turn the hue, of which each channel's distance is a trapezoid over the six sextants."""
    red, green, blue = distance
    warm = torch.where(green == 0, 2 + red - blue, 4 + green - red)
    hue = torch.where(red == 0, blue - green, warm).add_(sextants).remainder_(6)
    red = 2 - (hue - 3).abs_()
    return torch.stack([red, (hue - 2).abs_().sub_(1), (hue - 4).abs_().sub_(1)]).clamp_(0, 1)
