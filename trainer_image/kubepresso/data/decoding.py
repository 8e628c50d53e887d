"""Encoded image to uint8 RGB tensor."""

from __future__ import annotations

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional as F
from torchvision.tv_tensors import Image as ImageTensor

from kubepresso.data.pixels import decode_upright

_FAST_PREFIXES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def decode_rgb(image_bytes: bytes) -> ImageTensor:
    """Decode an image upright, in RGB, whatever its mode.

    JPEG and PNG go through torchvision, all else (and what it cannot read) through Pillow. What a mode
    means in 8 bits says `pixels.decode_upright`; torchvision's side agrees with it.

    Args:
        image_bytes: The encoded image, with any EXIF orientation.

    Returns:
        uint8 of shape ``[3, height, width]``.
    """
    if image_bytes.startswith(_FAST_PREFIXES):
        try:
            return ImageTensor(_decode_fast(image_bytes))
        except RuntimeError:
            pass  # an encoding which torchvision lacks, such as 12-bit JPEG
    return ImageTensor(_decode_with_pillow(image_bytes))


def _decode_fast(image_bytes: bytes) -> torch.Tensor:
    buffer = torch.frombuffer(bytearray(image_bytes), dtype=torch.uint8)
    image = decode_image(buffer, mode=ImageReadMode.RGB, apply_exif_orientation=True)
    if image.dtype != torch.uint8:
        image = F.to_dtype(image, torch.uint8, scale=True)
    return torch.as_tensor(image)


def _decode_with_pillow(image_bytes: bytes) -> torch.Tensor:
    pixels = np.array(decode_upright(image_bytes)[0])
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
