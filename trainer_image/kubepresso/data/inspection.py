"""Decode every image in full, and remember what the checks and the report need to know of it."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from kubepresso.data.findings import Finding
from kubepresso.data.formats import RawSample
from kubepresso.data.pixels import decode_upright, why_undecodable
from kubepresso.data.statistics import THUMBNAIL_SIDE, Colours, colours_of
from kubepresso.data.targets import Geometry, LabelProblemError, TargetCodec

_HELD = 64
_SHOWN = 5


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
        label_problem: What is wrong with the target; None where it is as it should be.
        geometry: Size and orientation.
        bytes_digest: SHA-256 of the encoded bytes.
        pixels_digest: SHA-256 of the upright RGB pixels and their size, the first 16 bytes.
        thumbnail: The upright image in 32 x 32 RGB pixels, whatever its aspect ratio.
        colours: Of the upright image; None where the thumbnail is all of it.
    """

    sample: RawSample
    problem: str | None
    record: Record | None
    label_problem: Finding | None
    geometry: Geometry
    bytes_digest: bytes
    pixels_digest: bytes
    thumbnail: bytes
    colours: Colours | None


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
        """Inspect a stream in order, on all cores, holding 64 images at a time, or two for each core."""
        workers = os.cpu_count() or 1
        size = max(_HELD // (2 * workers), 1)  # handing over a small image costs as much as decoding it
        with ThreadPoolExecutor(workers) as pool, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data, large images; errors still count
            stream = iter(samples)
            chunks = iter(lambda: list(islice(stream, size)), [])
            waiting = deque(pool.submit(self._inspect_chunk, chunk) for chunk in islice(chunks, 2 * workers))
            while waiting:
                yield from waiting.popleft().result()
                waiting.extend(pool.submit(self._inspect_chunk, chunk) for chunk in islice(chunks, 1))

    def _inspect_chunk(self, samples: Sequence[RawSample]) -> list[Inspected]:
        return [self.inspect(sample) for sample in samples]

    def inspect(self, sample: RawSample) -> Inspected:
        """Decode one image to its last pixel, then make its target."""
        bytes_digest = hashlib.sha256(sample.image_bytes).digest()
        if not sample.image_bytes:
            return _failed(sample, sample.problem or "no image data", bytes_digest)
        try:
            upright, orientation = decode_upright(sample.image_bytes)
        except Exception as error:  # Pillow's decoders raise anything from SyntaxError to struct.error
            return _failed(sample, f"cannot be decoded ({why_undecodable(error)})", bytes_digest)
        rgb = upright.tobytes()
        pixels = hashlib.sha256(rgb + repr(upright.size).encode()).digest()[:16]
        geometry = Geometry(*upright.size, orientation)
        record, problem = self._record(sample, geometry)
        if upright.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE):
            return Inspected(sample, None, record, problem, geometry, bytes_digest, pixels, rgb, None)
        small = upright.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX).tobytes()
        colours = colours_of(upright, rgb)
        return Inspected(sample, None, record, problem, geometry, bytes_digest, pixels, small, colours)

    def _record(self, sample: RawSample, geometry: Geometry) -> tuple[Record | None, Finding | None]:
        try:
            target = sample.target(geometry)
        except LabelProblemError as error:
            return None, Finding(error.place or sample.path, str(error))
        problems = self._codec.problems(target, geometry, self._classes)
        if problems:
            shown = problems[:_SHOWN] + [f"and {len(problems) - _SHOWN} more"] * (len(problems) > _SHOWN)
            return None, Finding(sample.path, "; ".join(shown))
        codec = self._codec
        counts = codec.counts(target, self._classes)
        return Record(target, codec.encode(target), codec.digest(target), counts), None


def _failed(sample: RawSample, problem: str, bytes_digest: bytes) -> Inspected:
    return Inspected(sample, problem, None, None, Geometry(0, 0), bytes_digest, b"", b"", None)
