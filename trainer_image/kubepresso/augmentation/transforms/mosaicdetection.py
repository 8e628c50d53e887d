"""``mosaicdetection``: four images in one, turned and scaled, and a fifth mixed in."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from kubepresso.augmentation.adapters import Sample, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.joining import canvas_of, cut, fitted, joined, keep_visible, pasted
from kubepresso.augmentation.parts import areas, as_boxes, size_of
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.augmentation.warp import shift, slant, turn, warp_boxes, warp_image
from kubepresso.config.augmentation.mixing import MosaicDetection
from kubepresso.sampling import SampleContext

# In pixels, what the shorter side of a box must exceed, in the mosaic and in what is mixed in.
_LEAST_SIDE, _LEAST_SIDE_MIXED = 2.0, 5.0
# Draws of a sample with objects to mix in, before it is given up.
_ATTEMPTS = 5


@TRANSFORMS.register("mosaicdetection")
def build(entry: MosaicDetection, context: BuildContext) -> SampleTransform:
    """Mosaic with an affine map and MixUp, as in YOLOX (Ge et al. 2021, arXiv:2107.08430).

    With probability ``mosaic_prob`` the sample and three drawn ones, each fitted into ``size``, meet at a
    random point of a canvas twice as large, which is scaled by a factor in ``affine_scale``, turned by up to
    ``degrees``, sheared by up to ``shear`` degrees and shifted by up to ``translate`` of ``size``, all about
    its middle, and cut to ``size``. With ``enable_mixup`` another sample, mirrored at even odds and scaled by
    a factor in ``mixup_scale``, is laid over it half transparent with probability ``mixup_prob``.

    Of an object more than a fifth of its box must be left, with both sides longer than 2 pixels (5 for those
    mixed in) and neither 20 times the other; the rest is dropped. In the last ``mosaic_off_duration`` epochs,
    and where the draw says no, the sample goes on as it is, so a resize belongs after this. It should come
    first, as the drawn samples pass no transform before it.

    Raises:
        ValueError: When called for an image that is no longer uint8.
    """
    return _Mosaic(entry, context.epochs - entry.mosaic_off_duration)


class _Mosaic:
    def __init__(self, entry: MosaicDetection, end: int) -> None:
        self.entry = entry
        self.end = end
        self.size = (entry.size, entry.size) if isinstance(entry.size, int) else entry.size

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        if context is None or context.epoch >= self.end or not _happens(self.entry.mosaic_prob):
            return sample
        if sample["image"].dtype != torch.uint8:
            raise ValueError("mosaicdetection joins images of bytes; put it before totensor")
        sample = self._map(self._join(sample, context))
        if self.entry.enable_mixup and len(sample["boxes"]) and _happens(self.entry.mixup_prob):
            sample = self._mix(sample, context)
        return sample

    def _join(self, sample: Sample, context: SampleContext) -> Sample:
        """Return four samples round a point of the canvas, their boxes as they would be on a larger one."""
        height, width = self.size
        meet_y, meet_x = int(_uniform(0.5, 1.5) * height), int(_uniform(0.5, 1.5) * width)
        canvas = canvas_of((2 * height, 2 * width), self.entry.fill)
        given = [sample, *(context.fetch(_index(context)) for _ in range(3))]
        parts = []
        for corner, one in enumerate(given):
            tile = fitted(one, self.size)
            tile_height, tile_width = size_of(tile)
            top = meet_y if corner >= 2 else meet_y - tile_height
            left = meet_x if corner % 2 else meet_x - tile_width
            parts.append(pasted(canvas, tile, top, left))
        return joined(parts[0], parts[1:], canvas)

    def _map(self, mosaic: Sample) -> Sample:
        """Scale, turn, shear and shift the canvas and cut it to the size."""
        matrix, entry = self._matrix(), self.entry
        whole = mosaic["boxes"].as_subclass(Tensor)
        on_canvas = cut(whole, size_of(mosaic))
        # Turning gives an area to a box of which no more than a line is left.
        seen = cut(warp_boxes(on_canvas, matrix), self.size) * (areas(on_canvas) > 0)[:, None]
        moved = {
            "image": warp_image(mosaic["image"], matrix, self.size, entry.fill),
            "boxes": as_boxes(warp_boxes(whole, matrix), self.size),
        }
        return keep_visible({**mosaic, **moved}, seen, _LEAST_SIDE)

    def _matrix(self) -> Tensor:
        entry, (height, width) = self.entry, self.size
        degrees, scale = _uniform(-entry.degrees, entry.degrees), _uniform(*entry.affine_scale)
        shear_x, shear_y = (_uniform(-entry.shear, entry.shear) for _ in range(2))
        x, y = (_uniform(0.5 - entry.translate, 0.5 + entry.translate) for _ in range(2))
        about_middle = slant(shear_x, shear_y) @ turn(degrees, scale) @ shift(-width, -height)
        return shift(x * width, y * height) @ about_middle

    def _mix(self, sample: Sample, context: SampleContext) -> Sample:
        """Lay another sample over this one, or none where none with objects is found."""
        zoom, mirrored = _uniform(*self.entry.mixup_scale), _happens(0.5)
        place_y, place_x = _uniform(0.0, 1.0), _uniform(0.0, 1.0)
        for _ in range(_ATTEMPTS):
            other = context.fetch(_index(context))
            if len(other["boxes"]):
                break
        else:
            return sample
        (height, width), frame = self.size, [max(int(side * zoom), 1) for side in self.size]
        tile = fitted(other, (frame[0], frame[1]))
        if mirrored:
            tile = {
                **tile,
                "image": F.horizontal_flip_image(tile["image"]),
                "boxes": F.horizontal_flip(tile["boxes"]),
            }
        # The frame is larger than the result by a random offset, or smaller and in its upper left corner.
        top = -int(place_y * max(frame[0] - height + 1, 1))
        left = -int(place_x * max(frame[1] - width + 1, 1))
        canvas = canvas_of(self.size, self.entry.fill)
        tile = pasted(canvas, tile, top, left + (frame[1] - size_of(tile)[1] if mirrored else 0))
        laid = keep_visible({**tile, "image": canvas}, cut(tile["boxes"], self.size), _LEAST_SIDE_MIXED)
        if not len(laid["boxes"]):
            return sample
        blended = (sample["image"].to(torch.int16) + canvas) // 2
        return joined(sample, [laid], blended.to(torch.uint8))


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _happens(p: float) -> bool:
    return bool(torch.rand(()) < p)


def _index(context: SampleContext) -> int:
    return int(torch.randint(context.count, ()))
