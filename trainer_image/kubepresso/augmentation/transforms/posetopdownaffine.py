"""``posetopdownaffine``: one instance, cut out by its box."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision import tv_tensors

from kubepresso.augmentation.adapters import Sample, SampleTransform
from kubepresso.augmentation.context import BuildContext
from kubepresso.augmentation.parts import as_boxes, hide_outside
from kubepresso.augmentation.registry import TRANSFORMS
from kubepresso.augmentation.warp import shift, turn, warp_boxes, warp_image, warp_points
from kubepresso.config.augmentation.geometry import PoseTopDownAffine
from kubepresso.sampling import SampleContext


@TRANSFORMS.register("posetopdownaffine")
def build(entry: PoseTopDownAffine, context: BuildContext) -> SampleTransform:
    """Cut the instance out, its box in the middle of ``size``, scaled, shifted and turned at random.

    The box gets the aspect of ``size`` by growing in one direction. Its sides are multiplied by a factor in
    ``scale``, it moves by up to ``translate`` of its sides and turns by up to ``rotation`` degrees; each with
    its probability, and each drawn from a normal distribution that ends one standard deviation from its
    middle. This is the top-down transform of MMPose but for its fixed margin of a quarter: a factor of 1 is
    the box itself. ``scale: [1.25, 1.25]`` gives that margin without chance, as inference needs it.
    """
    return _TopDown(entry)


class _TopDown:
    def __init__(self, entry: PoseTopDownAffine) -> None:
        self.entry = entry
        self.size = (entry.size, entry.size) if isinstance(entry.size, int) else entry.size

    def __call__(self, sample: Sample, context: SampleContext | None) -> Sample:
        matrix = self._matrix(sample["boxes"].as_subclass(Tensor)[0].to(torch.float64))
        points = warp_points(sample["keypoints"].as_subclass(Tensor), matrix)
        boxes = warp_boxes(sample["boxes"].as_subclass(Tensor), matrix)
        moved = {
            **sample,
            "image": warp_image(sample["image"], matrix, self.size, 0.0),
            "boxes": as_boxes(boxes, self.size),
            "keypoints": tv_tensors.KeyPoints(points, canvas_size=self.size),
        }
        return hide_outside(moved)

    def _matrix(self, box: Tensor) -> Tensor:
        """Return the map from the image to the result."""
        scale, (move_x, move_y), degrees = self._draw()
        x1, y1, x2, y2 = box.tolist()
        # A box may be a line; it then shows what is round it, one pixel as large as the result.
        width, height = max(x2 - x1, 1.0), max(y2 - y1, 1.0)
        x, y = (x1 + x2) / 2 + move_x * width, (y1 + y2) / 2 + move_y * height
        zoom = min(self.size[1] / width, self.size[0] / height) / scale
        return shift(self.size[1] / 2, self.size[0] / 2) @ turn(degrees, zoom) @ shift(-x, -y)

    def _draw(self) -> tuple[float, list[float], float]:
        low, high = self.entry.scale
        scale = _normal(1)[0] * (high - low) / 2 + (high + low) / 2
        scale = scale if _happens(self.entry.scale_prob) else 1.0
        move = [value * self.entry.translate for value in _normal(2)]
        move = move if _happens(self.entry.translate_prob) else [0.0, 0.0]
        degrees = _normal(1)[0] * self.entry.rotation
        return scale, move, degrees if _happens(self.entry.rotation_prob) else 0.0


def _normal(count: int) -> list[float]:
    """Draw from the standard normal distribution between -1 and 1."""
    drawn: list[float] = nn.init.trunc_normal_(torch.empty(count), a=-1.0, b=1.0).tolist()
    return drawn


def _happens(p: float) -> bool:
    return bool(torch.rand(()) < p)
