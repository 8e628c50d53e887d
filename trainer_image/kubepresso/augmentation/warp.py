"""Affine maps of images and of what lies in them, in coordinates where a pixel is a unit square."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def shift(x: float, y: float) -> Tensor:
    """Return the map that moves by x and y, ``[3, 3]``."""
    return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], dtype=torch.float64)


def turn(degrees: float, scale: float) -> Tensor:
    """Return the map that turns about the origin and scales, ``[3, 3]``."""
    cosine, sine = (scale * f(math.radians(degrees)) for f in (math.cos, math.sin))
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def slant(x_degrees: float, y_degrees: float) -> Tensor:
    """Return the map that shears along x and along y, ``[3, 3]``."""
    x, y = (math.tan(math.radians(degrees)) for degrees in (x_degrees, y_degrees))
    return torch.tensor([[1.0, x, 0.0], [y, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def warp_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Map points ``[..., 2]``."""
    warped = points.to(torch.float64) @ matrix[:2, :2].T + matrix[:2, 2]
    return warped.to(points.dtype)


def warp_boxes(boxes: Tensor, matrix: Tensor) -> Tensor:
    """Return the smallest upright boxes round the mapped boxes ``[n, 4]``."""
    corners = warp_points(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2), matrix)
    return torch.cat([corners.amin(1), corners.amax(1)], 1)


def warp_image(image: Tensor, matrix: Tensor, size: tuple[int, int], fill: float | Sequence[float]) -> Tensor:
    """Map an image, bilinear.

    Args:
        image: ``[C, H, W]``.
        matrix: float64 ``[3, 3]``, from the image's coordinates to the result's.
        size: The result's height and width.
        fill: A number, or one a channel, where the image does not reach; its border is blended with it.
    """
    inverse = torch.linalg.inv(matrix)
    image, inverse = _needed(image, inverse, size)
    if image.numel() == 0:
        return _filled(fill, (image.shape[0], *size), image.dtype)
    height, width = image.shape[-2:]
    # grid_sample wants both sides from -1 to 1.
    into = torch.tensor([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]], dtype=torch.float64)
    out_of = torch.tensor([[size[1] / 2, 0, size[1] / 2], [0, size[0] / 2, size[0] / 2], [0, 0, 1]])
    theta = (into @ inverse @ out_of.to(torch.float64))[:2].to(torch.float32)
    grid = functional.affine_grid(theta[None], [1, 1, *size], align_corners=False)
    background = _filled(fill, (image.shape[0], 1, 1), torch.float32)
    # Sampled as the difference from the background, zeros outside are the background.
    sampled = functional.grid_sample((image - background)[None], grid, mode="bilinear", align_corners=False)[
        0
    ]
    sampled += background
    return sampled if image.is_floating_point() else sampled.round_().clamp_(0, 255).to(image.dtype)


def _needed(image: Tensor, inverse: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cut out the part that the result shows; a person may be a small part of a large picture."""
    frame = torch.tensor([[0.0, 0.0, size[1], size[0]]], dtype=torch.float64)
    left, top, right, bottom = warp_boxes(frame, inverse)[0].tolist()
    x1, y1 = max(math.floor(left) - 1, 0), max(math.floor(top) - 1, 0)
    x2, y2 = max(math.ceil(right) + 1, 0), max(math.ceil(bottom) + 1, 0)
    return image[:, y1:y2, x1:x2], shift(-x1, -y1) @ inverse


def _filled(fill: float | Sequence[float], shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    colour = torch.as_tensor(fill, dtype=dtype)
    return colour.reshape(-1, 1, 1).expand(shape).clone()
