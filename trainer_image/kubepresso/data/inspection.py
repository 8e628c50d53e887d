"""Decode every image in full, and remember what the checks and the report need to know of it."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

from kubepresso.data.formats import RawSample
from kubepresso.data.targets import Geometry, LabelProblemError, TargetCodec

_BATCH = 64


class Record(NamedTuple):
    """A target that can be used.

    Args:
        target: By task; see `kubepresso.data.targets`.
        encoded: As it is stored, by the task's codec.
        digest: For the content digest.
        counts: What it adds to the class counts.
    """

    target: Any
    encoded: Any
    digest: bytes
    counts: np.ndarray


class Inspected(NamedTuple):
    """An image after decoding.

    Args:
        sample: The sample as it came.
        problem: Why it cannot be decoded; None where it can.
        record: The target and what is stored of it; None where it or the image cannot be used.
        label_problems: ``(place, what is wrong)`` with the target; empty where it is as it should be.
        geometry: Size and orientation.
        bytes_digest: SHA-256 of the encoded bytes.
        pixels_digest: SHA-256 of the upright RGB pixels and their size, the first 16 bytes.
    """

    sample: RawSample
    problem: str | None
    record: Record | None
    label_problems: list[tuple[str, str]]
    geometry: Geometry
    bytes_digest: bytes
    pixels_digest: bytes


class Inspector:
    """Decodes images and makes, checks and encodes their targets.

    Args:
        codec: Of the task.
        classes: Class names.
    """

    def __init__(self, codec: TargetCodec, classes: Sequence[str]) -> None:
        self._codec = codec
        self._classes = classes

    def inspect_all(self, samples: Iterable[RawSample]) -> Iterator[Inspected]:
        """Inspect a stream in order, on all cores, holding 64 images at a time."""
        with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data, large images; errors still count
            stream = iter(samples)
            while batch := list(islice(stream, _BATCH)):
                yield from pool.map(self.inspect, batch)

    def inspect(self, sample: RawSample) -> Inspected:
        """Decode one image to its last pixel, then make its target."""
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
        record, problems = self._record(sample, geometry)
        return Inspected(sample, None, record, problems, geometry, bytes_digest, pixels)

    def _record(self, sample: RawSample, geometry: Geometry) -> tuple[Record | None, list[tuple[str, str]]]:
        try:
            target = sample.target(geometry)
        except LabelProblemError as error:
            return None, [(error.place or sample.path, str(error))]
        problems = self._codec.problems(target, geometry, self._classes)
        if problems:
            return None, [(sample.path, problem) for problem in problems]
        codec = self._codec
        counts = codec.counts(target, self._classes)
        return Record(target, codec.encode(target), codec.digest(target), counts), []


def _failed(sample: RawSample, problem: str, bytes_digest: bytes) -> Inspected:
    return Inspected(sample, problem, None, [], Geometry(0, 0), bytes_digest, b"")


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image" if "cannot identify image file" in text else text
