"""Colours of masks, and the classes that ``data.id_mapping`` gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kubepresso.config.data import DataConfig, parse_colour
from kubepresso.data.formats.naming import read_mapping
from kubepresso.data.targets import IGNORE
from kubepresso.errors import UserError

Colour = tuple[int, int, int]


class ColourTable:
    """Class indexes by colour.

    Args:
        colours: At least one, each with the index of its class.
    """

    def __init__(self, colours: Mapping[Colour, int]) -> None:
        keys = np.array([_packed(np.array(colour)) for colour in colours], np.int32)
        order = np.argsort(keys)
        self._keys = keys[order]
        self._indexes = np.array(list(colours.values()), np.uint8)[order]

    def look_up(self, pixels: np.ndarray) -> np.ndarray:
        """Return the class of each pixel.

        Args:
            pixels: uint8 ``[height, width, 3]``, RGB.

        Returns:
            uint8 ``[height, width]``; `IGNORE` where the colour is not in the table.
        """
        packed = _packed(pixels)
        places = np.searchsorted(self._keys, packed).clip(max=len(self._keys) - 1)
        return np.where(self._keys[places] == packed, self._indexes[places], np.uint8(IGNORE))

    def unnamed(self, pixels: np.ndarray) -> Counter[Colour]:
        """Count the pixels of each colour that is not in the table.

        Args:
            pixels: uint8 ``[height, width, 3]``, RGB.
        """
        found, counts = np.unique(_packed(pixels), return_counts=True)
        other = ~np.isin(found, self._keys)
        return Counter(
            {
                (value >> 16, value >> 8 & 255, value & 255): count
                for value, count in zip(found[other].tolist(), counts[other].tolist(), strict=True)
            }
        )


def colour_classes(data: DataConfig, root: Path) -> tuple[list[str], ColourTable] | None:
    """Return the classes and colours of ``data.id_mapping``; None where masks hold indexes.

    Several colours may have the name of one class.

    Raises:
        UserError: ``data.label_image_mode`` is RGB and ``data.id_mapping`` names no colours, or a key is no
            colour.
    """
    if data.label_image_mode == "L":
        return None
    mapping = read_mapping(data, root)
    colours = _parse(mapping) if isinstance(mapping, Mapping) else {}
    if not colours and data.label_image_mode == "P":
        return None  # a palette image then gives the palette's indexes
    if not colours:
        raise UserError(
            'data.id_mapping: label_image_mode RGB needs a mapping of "(r, g, b)" to name; masks of class '
            "indexes are label_image_mode L"
        )
    names = list(dict.fromkeys(colours.values()))
    if len(names) > IGNORE:
        raise UserError(f"data.id_mapping: {len(names)} classes, a mask holds at most {IGNORE}")
    return names, ColourTable({colour: names.index(name) for colour, name in colours.items()})


def _parse(mapping: Mapping[str, str]) -> dict[Colour, str]:
    if all(key.isdecimal() for key in map(str, mapping)):
        return {}
    colours, problems = {}, []
    for key, name in mapping.items():
        try:
            colours[parse_colour(str(key))] = str(name)
        except ValueError as error:
            problems.append(f"data.id_mapping: {error}")
    if problems:
        raise UserError(problems)
    return colours


def _packed(pixels: np.ndarray) -> np.ndarray:
    wide = pixels.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]  # type: ignore[no-any-return]
