"""``hsvjitter``: additive noise on hue, saturation and value."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import OnImage, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import register
from kubepresso.config.augmentation.colour import HSVJitter

_HUE_SCALE = 180.0
_SCALE = 255.0


@register("hsvjitter")
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
        """Shift an image."""
        pixels = F.to_dtype(inpt.as_subclass(torch.Tensor), torch.float32, scale=True)
        shifted = _hsv_to_rgb(_shift(_rgb_to_hsv(pixels), params["shift"]))
        return tv_tensors.wrap(F.to_dtype(shifted, inpt.dtype, scale=True), like=inpt)


def _shift(hsv: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    hue = (hsv[0] + shift[0]) % 1.0
    rest = (hsv[1:] + shift[1:, None, None]).clamp(0, 1)
    return torch.cat([hue[None], rest])


def _rgb_to_hsv(image: torch.Tensor) -> torch.Tensor:
    """RGB in 0 to 1, ``[3, H, W]``, to hue, saturation and value in 0 to 1."""
    red, green, blue = image
    value, largest = image.max(dim=0)
    chroma = value - image.amin(dim=0)
    safe = torch.where(chroma == 0, 1.0, chroma)
    sextants = torch.stack([(green - blue) / safe % 6, (blue - red) / safe + 2, (red - green) / safe + 4])
    hue = sextants.gather(0, largest[None])[0] / 6
    saturation = chroma / torch.where(value == 0, 1.0, value)
    return torch.stack([torch.where(chroma == 0, 0.0, hue), saturation, value])


def _hsv_to_rgb(hsv: torch.Tensor) -> torch.Tensor:
    """The inverse, by the closed form ``v - v s max(0, min(k, 4 - k, 1))`` with ``k = (n + 6 h) mod 6``."""
    hue, saturation, value = hsv
    k = (torch.tensor([5.0, 3.0, 1.0])[:, None, None] + hue * 6) % 6
    darker: torch.Tensor = value - value * saturation * torch.minimum(k, 4 - k).clamp(0, 1)
    return darker
