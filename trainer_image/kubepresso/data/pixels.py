"""An encoded image to upright RGB of 8 bits, whatever its mode. Imports no torch."""

from __future__ import annotations

import io

import numpy as np
from PIL import ExifTags, Image, ImageOps

_WHOLE = ("I;16", "I;16B", "I;16L", "I;16N", "I")
_MOST = 2**16 - 1


def decode_upright(image_bytes: bytes) -> tuple[Image.Image, int]:
    """Decode an image, upright, in RGB.

    Transparency is dropped. Of 16 bits a channel the upper 8 are kept, and 32-bit whole numbers are taken for
    16-bit ones. Fractions of 0 to 1 are stretched to 0 to 255; where any is above 1, they are 0 to 255
    already.

    Args:
        image_bytes: The encoded image, with any EXIF orientation.

    Returns:
        The image, and the orientation it was stored in, 1 to 8.

    Raises:
        ValueError: Its numbers lie outside these ranges, so that brightness would be a guess. Pillow raises
            other errors, of many types, for what it cannot decode.
    """
    with Image.open(io.BytesIO(image_bytes)) as image:
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation not in range(2, 9):
            return _in_eight_bits(image), 1
        return _in_eight_bits(ImageOps.exif_transpose(image)), orientation


def why_undecodable(error: Exception) -> str:
    """Return what an error of Pillow says, in one line that is the same in every run."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image" if "cannot identify image file" in text else text


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in _WHOLE:
        values = np.asarray(image)
        _check(values, 0, _MOST, "0 to 65535")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        values = np.asarray(image)
        _check(values, 0, 255, "0 to 1, or 0 to 255")
        scale = 255 if values.max() <= 1 else 1
        return Image.fromarray((values * scale).round().astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _check(values: np.ndarray, least: int, most: int, allowed: str) -> None:
    low, high = values.min(), values.max()
    if not (least <= low and high <= most):  # false for NaN, too
        raise ValueError(f"its numbers are {low:g} to {high:g}, allowed are {allowed}")
