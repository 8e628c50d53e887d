"""Masks in image files."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from kubepresso.data.formats.colours import ColourTable
from kubepresso.data.formats.orientation import needs_turn, turn_mask
from kubepresso.data.pixels import why_undecodable
from kubepresso.data.targets import IGNORE, ClassMask, Geometry, LabelProblemError
from kubepresso.errors import UserError

_LOOKED_INTO = 64
Item = TypeVar("Item")
_GREY_MODES = ("1", "L", "P", "I", "I;16", "I;16L", "I;16B")


@dataclasses.dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask in a file of its own.

    Args:
        file: Where it is now.
        path: Its name inside the source.
        names: Class names.
        colours: Where its pixels are colours.
        known: The values of masks that were read before, so that they are not read again for the classes.
    """

    file: Path
    path: str
    names: Sequence[str]
    colours: ColourTable | None
    known: Mapping[Path, frozenset[int]]

    def __call__(self, geometry: Geometry) -> ClassMask:
        """Decode the mask."""
        return finish_mask(self._values(), self.path, geometry, self.names)

    def classes(self) -> Sequence[int]:
        """Return the classes of its pixels."""
        try:
            values = self.known.get(self.file) or np.unique(self._values()).tolist()
        except LabelProblemError:
            return ()
        return sorted(value for value in values if 0 <= value < len(self.names))

    def _values(self) -> np.ndarray:
        return decode_mask(read_mask(self.file, self.path), self.path, self.colours)


def read_mask(file: Path, place: str) -> bytes:
    """Return the bytes of a file.

    Raises:
        LabelProblemError: It cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise LabelProblemError(f"cannot be read ({error.strerror})", place) from error


def decode_mask(content: bytes, place: str, colours: ColourTable | None) -> np.ndarray:
    """Decode an encoded mask to class indexes.

    Args:
        content: The encoded image.
        place: Its name in messages.
        colours: Where its pixels are colours.

    Returns:
        ``[height, width]`` of whole numbers.

    Raises:
        LabelProblemError: It cannot be decoded, or holds colours where it should hold indexes.
    """
    if colours is None:
        return _open(content, place, lambda image: _indexes(image, place))
    classes = colours.look_up(decode_colours(content, place))
    if (classes == IGNORE).all():
        raise LabelProblemError("no pixel has a colour of data.id_mapping", place)
    return classes


def decode_colours(content: bytes, place: str) -> np.ndarray:
    """Decode an encoded image to RGB, uint8 ``[height, width, 3]``.

    Raises:
        LabelProblemError: It cannot be decoded.
    """
    return _open(content, place, lambda image: np.array(image.convert("RGB")))


def finish_mask(values: np.ndarray, place: str, geometry: Geometry, names: Sequence[str]) -> ClassMask:
    """Check the size and the classes of a mask, and turn it with its image.

    Args:
        values: ``[height, width]`` of whole numbers.
        place: Its name in messages.
        geometry: Of the image.
        names: Class names.

    Raises:
        LabelProblemError: The mask has another size than the image, or values that are no class.
    """
    turn = needs_turn((values.shape[1], values.shape[0]), geometry, f"mask {place}")
    found, counts = np.unique(values, return_counts=True)
    strange = [
        f"{value} ({count} pixels)"
        for value, count in zip(found.tolist(), counts.tolist(), strict=True)
        if value != IGNORE and not 0 <= value < len(names)
    ]
    if strange:
        listed = ", ".join(strange[:8]) + (", ..." if len(strange) > 8 else "")
        raise LabelProblemError(
            f"values that are no class: {listed}; allowed 0 to {len(names) - 1}, and {IGNORE} for none", place
        )
    pixels = values.astype(np.uint8)
    return ClassMask(turn_mask(pixels, geometry) if turn else np.ascontiguousarray(pixels))


def values_in(files: Sequence[Path]) -> dict[Path, frozenset[int]]:
    """Return the values of each mask; files that cannot be read give none."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(files, pool.map(_values_of, files), strict=True))


def check_values(values: set[int]) -> None:
    """Refuse values that are black and white, not class indexes: all of one class would be ignored.

    Raises:
        UserError: There are 0 and `IGNORE`, and no others.
    """
    if values == {0, IGNORE}:
        raise UserError(
            f"data: the masks hold 0 and {IGNORE} alone, and {IGNORE} is no class; where it is one, set "
            'data.label_image_mode: RGB and data.id_mapping: {"(0, 0, 0)": background, '
            '"(255, 255, 255)": <name>}, or write it as 1'
        )


def some_of(items: Sequence[Item]) -> Sequence[Item]:
    """Return items from all over a sequence, few enough to be read at once."""
    return items[:: max(len(items) // _LOOKED_INTO, 1)][:_LOOKED_INTO]


def _values_of(file: Path) -> frozenset[int]:
    try:
        return frozenset(np.unique(decode_mask(file.read_bytes(), file.name, None)).tolist())
    except (OSError, LabelProblemError):
        return frozenset()  # reported when its sample is read


def _open(content: bytes, place: str, convert: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return convert(image)
    except LabelProblemError:
        raise
    except Exception as error:  # Pillow's decoders raise anything from SyntaxError to struct.error
        raise LabelProblemError(f"mask cannot be decoded ({why_undecodable(error)})", place) from error


def _indexes(image: Image.Image, place: str) -> np.ndarray:
    if image.mode in _GREY_MODES:
        pixels = np.array(image)
        return pixels.astype(np.uint8) if pixels.dtype == np.bool_ else pixels
    channels = np.array(image.convert("RGB"))
    if (channels == channels[..., :1]).all():
        return channels[..., 0]
    raise LabelProblemError(
        'holds colours, not class indexes; set data.label_image_mode: RGB and map each "(r, g, b)" to a name '
        "in data.id_mapping",
        place,
    )
