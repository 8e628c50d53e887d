"""Segmentation: a class for each pixel, stored as PNG."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from kubepresso.data.targets.kinds import IGNORE, ClassMask, Geometry

_FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class StoredMask:
    """A `ClassMask` of a prepared data set, decoded when it is looked at.

    Args:
        png: 8-bit greyscale PNG whose values are class indexes.
    """

    def __init__(self, png: bytes) -> None:
        self.png = png

    @property
    def pixels(self) -> np.ndarray:
        """uint8 ``[height, width]``, decoded anew by Pillow at each access; tensors come faster of `png`."""
        with Image.open(io.BytesIO(self.png)) as image:
            return np.array(image)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredMask) and self.png == other.png

    def __hash__(self) -> int:
        return hash(self.png)


class Codec:
    """Column ``mask``, a struct of PNG ``bytes`` and ``path``; see `TargetCodec`."""

    counted = "pixels"
    file_column = "mask"

    def fields(self, classes: Sequence[str]) -> tuple[list[pa.Field], dict[str, Any]]:
        """Return the column, an image for ``datasets``."""
        return [pa.field("mask", _FILE)], {"mask": {"_type": "Image"}}

    def encode(self, target: ClassMask) -> bytes:
        """Return the mask as PNG; lossless, so the level only trades time for size."""
        buffer = io.BytesIO()
        Image.fromarray(target.pixels).save(buffer, "PNG", compress_level=3)
        return buffer.getvalue()

    def arrays(self, encoded: Sequence[bytes], classes: Sequence[str]) -> list[pa.Array]:
        """Return the masks as one column."""
        return [pa.array([{"bytes": png, "path": None} for png in encoded], _FILE)]

    def read(self, table: pa.Table, files: Sequence[bytes]) -> _MaskView:
        """Return random access to `StoredMask`."""
        return _MaskView(files)

    def digest(self, target: ClassMask | StoredMask) -> bytes:
        """Return the SHA-256 of size and pixels, whatever the encoding."""
        pixels = np.ascontiguousarray(target.pixels)
        return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()

    def problems(self, target: ClassMask, geometry: Geometry, classes: Sequence[str]) -> list[str]:
        """Return a size that is not the image's, and values that are no class."""
        height, width = target.pixels.shape
        problems = []
        if (width, height) != (geometry.width, geometry.height):
            problems.append(
                f"the mask is {width} x {height} pixels, the image {geometry.width} x {geometry.height}"
            )
        used = np.flatnonzero(np.bincount(target.pixels.ravel(), minlength=256))
        wrong = [int(value) for value in used if len(classes) <= value != IGNORE]
        if wrong:
            values = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
            problems.append(
                f"the mask has values that are no class: {values}; allowed 0 to {len(classes) - 1}, and "
                f"{IGNORE} for pixels to ignore"
            )
        return problems

    def counts(self, target: ClassMask | StoredMask, classes: Sequence[str]) -> np.ndarray:
        """Count the pixels of each class."""
        return np.bincount(target.pixels.ravel(), minlength=256)[: len(classes)]


class _MaskView(Sequence[StoredMask]):
    def __init__(self, files: Sequence[bytes]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, row: Any) -> Any:
        return StoredMask(self._files[row])
