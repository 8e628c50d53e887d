"""``pad``: fill up to a size, on the right and at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import OnAll, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.config.augmentation.geometry import Pad
from kubepresso.sampling import IGNORE


@TRANSFORMS.register("pad")
def build(entry: Pad, context: BuildContext) -> SampleTransform:
    """Pad to ``size`` with ``fill``; a larger image stays as it is."""
    return OnAll(PadToSize(entry.size, entry.fill))


class PadToSize(v2.Transform):
    """Pad on the right and at the bottom, so that positions in the image keep their coordinates.

    Args:
        size: Least height and width, or one number for both.
        fill: A number, or one for each channel; masks are filled with 255.
    """

    def __init__(self, size: int | Sequence[int], fill: float | Sequence[float]) -> None:
        super().__init__()
        self.height, self.width = (size, size) if isinstance(size, int) else size
        self.fill = fill

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Find what is missing."""
        height, width = F.get_size(flat_inputs[0])
        return {"padding": [0, 0, max(self.width - width, 0), max(self.height - height, 0)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Pad one part of the sample."""
        if not any(params["padding"]):
            return inpt
        fill = IGNORE if isinstance(inpt, tv_tensors.Mask) else self.fill
        return self._call_kernel(F.pad, inpt, padding=params["padding"], fill=fill)
