"""Decode every image in full, and remember what the checks and the report need to know of it."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

from PIL import ExifTags, Image, ImageOps

from kubepresso.data.formats import RawSample
from kubepresso.data.targets import Geometry

_BATCH = 64


class Inspected(NamedTuple):
    """An image after decoding.

    Args:
        sample: The sample as it came.
        problem: Why it cannot be decoded; None where it can.
        target: The sample's target; None where there is a problem.
        geometry: Size and orientation.
        bytes_digest: SHA-256 of the encoded bytes.
        pixels_digest: SHA-256 of the upright RGB pixels and their size, the first 16 bytes.
    """

    sample: RawSample
    problem: str | None
    target: Any
    geometry: Geometry
    bytes_digest: bytes
    pixels_digest: bytes


def inspect_all(samples: Iterable[RawSample]) -> Iterator[Inspected]:
    """Inspect a stream in order, on all cores, holding 64 images at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data and large images; errors still count
        stream = iter(samples)
        while batch := list(islice(stream, _BATCH)):
            yield from pool.map(inspect, batch)


def inspect(sample: RawSample) -> Inspected:
    """Decode one image to its last pixel."""
    bytes_digest = hashlib.sha256(sample.image_bytes).digest()
    if not sample.image_bytes:
        return _failed(sample, sample.problem or "no image data", bytes_digest)
    try:
        with Image.open(io.BytesIO(sample.image_bytes)) as image:
            image.load()
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow's decoders raise anything from SyntaxError to struct.error
        return _failed(sample, f"cannot be decoded ({_reason(error)})", bytes_digest)
    pixels = hashlib.sha256(upright.tobytes() + repr(upright.size).encode()).digest()[:16]
    geometry = Geometry(*upright.size, orientation if orientation in range(1, 9) else 1)
    return Inspected(sample, None, sample.target(geometry), geometry, bytes_digest, pixels)


def _failed(sample: RawSample, problem: str, bytes_digest: bytes) -> Inspected:
    return Inspected(sample, problem, None, Geometry(0, 0), bytes_digest, b"")


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image" if "cannot identify image file" in text else text
