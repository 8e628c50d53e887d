"""Figures and pictures for the report, collected while the data streams by."""

from __future__ import annotations

import collections
import io
from collections.abc import Sequence

from PIL import Image, ImageOps

from kubepresso.data.inspection import Inspected

PICTURES_PER_CLASS = 8
MOST_CLASSES = 100
_THUMBNAIL = 96


class Gallery:
    """The first pictures of each class and the sizes of all images.

    Args:
        classes: Class names; the first hundred get pictures.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.pictures: dict[int, list[tuple[bytes, str]]] = {
            i: [] for i in range(min(len(classes), MOST_CLASSES))
        }
        self.sizes: collections.Counter[tuple[int, int]] = collections.Counter()

    def add(self, inspected: Inspected) -> None:
        """Take the next good sample."""
        self.sizes[inspected.geometry[:2]] += 1
        target = inspected.record.target if inspected.record else None
        shown = self.pictures.get(target) if isinstance(target, int) else None
        if shown is not None and len(shown) < PICTURES_PER_CLASS:
            shown.append((_thumbnail(inspected.sample.image_bytes), inspected.sample.path))

    def size_rows(self, most: int = 12) -> list[tuple[str, int, None]]:
        """Return ``(width x height, count, no colour)`` of the most frequent sizes, the rest as one row."""
        common = self.sizes.most_common(most)
        rows = [(f"{width} × {height}", count, None) for (width, height), count in common]
        rest = sum(self.sizes.values()) - sum(count for _, count in common)
        return [*rows, (f"{len(self.sizes) - most} other sizes", rest, None)] if rest else rows

    def size_range(self) -> str:
        """Return the range of both sides in words."""
        if not self.sizes:
            return "no images"
        widths, heights = zip(*self.sizes, strict=True)
        if len(self.sizes) == 1:
            return f"{widths[0]} × {heights[0]}"
        return f"{min(widths)} to {max(widths)} wide, {min(heights)} to {max(heights)} high"


def _thumbnail(image_bytes: bytes) -> bytes:
    """Return a PNG with its longer side at 96 pixels; small images are enlarged without smoothing."""
    with Image.open(io.BytesIO(image_bytes)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    scale = _THUMBNAIL / max(upright.size)
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    width, height = (max(round(side * scale), 1) for side in upright.size)
    buffer = io.BytesIO()
    upright.resize((width, height), method).save(buffer, "PNG")
    return buffer.getvalue()
