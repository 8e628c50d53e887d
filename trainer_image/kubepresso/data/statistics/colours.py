"""Colours and sharpness of images at their full size, exact and cheap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

_LEVELS = np.arange(256, dtype=np.int64)
_MOST_ROWS = 64


class Colours(NamedTuple):
    """What one image adds; all whole numbers, so that sums do not depend on an order.

    Args:
        pixels: Number of pixels.
        sums: int64 ``[3]``, over the values of each channel, 0 to 255.
        squares: int64 ``[3]``, over their squares.
        sharpness: Mean absolute difference of the green of pixels side by side, in up to 64 rows, 0 to 255.
    """

    pixels: int
    sums: np.ndarray
    squares: np.ndarray
    sharpness: float


def colours_of(image: Image.Image, rgb: bytes) -> Colours:
    """Measure an image.

    Args:
        image: RGB.
        rgb: Its pixels, three bytes each, row by row.
    """
    counts = np.array(image.histogram(), np.int64).reshape(3, 256)
    pixels = np.frombuffer(rgb, np.uint8).reshape(image.height, image.width, 3)
    rows = pixels[:: -(-image.height // _MOST_ROWS)]
    sharpness = float(sharpness_of(rows[None])[0])
    return Colours(image.width * image.height, counts @ _LEVELS, counts @ _LEVELS**2, sharpness)


def sharpness_of(images: np.ndarray) -> np.ndarray:
    """Return the sharpness of images of one size.

    Args:
        images: uint8 RGB ``[n, height, width, 3]``.

    Returns:
        float64 ``[n]``; 0 for images of a single column.
    """
    green = images[..., 1].astype(np.int16)
    if green.shape[2] < 2:
        return np.zeros(len(images))
    differences = np.abs(green[:, :, 1:] - green[:, :, :-1]).reshape(len(images), -1)
    sharpness: np.ndarray = differences.sum(1, dtype=np.int64) / differences.shape[1]
    return sharpness
