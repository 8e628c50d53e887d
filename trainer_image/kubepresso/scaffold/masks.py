"""What masks hold: class indexes or colours, and which."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from kubepresso.data.targets.kinds import IGNORE
from kubepresso.errors import UserError
from kubepresso.scaffold.inventory import Inventory, spread

#: Masks that are decoded.
_MASKS = 500
_MOST_COLOURS = 256
#: Files that data sets keep class names in, a name a line.
_NAME_FILES = ("classes.txt", "codes.txt", "labels.txt", "names.txt", "obj.names")

Colour = tuple[int, int, int]


class Masks(NamedTuple):
    """How masks are read.

    Args:
        data: Keys of ``data``.
        notes: Why they have their values.
        absent: Classes whose value was not seen.
    """

    data: Mapping[str, Any]
    notes: Mapping[str, str]
    absent: Sequence[str] = ()


def describe_masks(files: Sequence[Path], inventory: Inventory) -> Masks:
    """Decode some masks and name their classes.

    Args:
        files: All masks.
        inventory: All files, for one that names the classes.

    Raises:
        UserError: They hold more colours than there can be classes: they are pictures.
    """
    some = spread(files, _MASKS)
    all_of_them = "all" if len(some) == len(files) else f"{len(some):,} of"
    looked_at = f"in {all_of_them} {len(files):,} masks"
    indexes, colours = _values(some)
    if colours:
        return _coloured(colours, looked_at, inventory)
    values = sorted(indexes - {IGNORE})
    if IGNORE in indexes and values == [0]:
        black_and_white = {"(0, 0, 0)": "background", "(255, 255, 255)": "foreground"}
        note = f"Black and white {looked_at}"
        return Masks({"id_mapping": black_and_white, "label_image_mode": "RGB"}, {"id_mapping": note})
    count = max(values, default=0) + 1
    if count > IGNORE:
        raise UserError(
            f"{inventory.root}: masks hold values up to {count - 1}; a class index is at most 254"
        )
    given = _listed_names(inventory, count)
    names = given or [f"class_{value}" for value in range(count)]
    note = f"Values {_in_words(values)} {looked_at}"
    note += "; 255 is no class" if IGNORE in indexes else ""
    if len(values) < count:
        note += f", the other {count - len(values):,} below {count} in none: number them 0 to "
        note += f"{len(values) - 1} to have no classes without a pixel"
    note += "" if given else ". Give them their names; the order is that of the values"
    absent = [name for value, name in enumerate(names) if value not in indexes]
    return Masks({"id_mapping": names, "label_image_mode": "L"}, {"id_mapping": note}, absent)


def _in_words(values: Sequence[int]) -> str:
    if values == list(range(len(values))) and values:
        return f"0 to {values[-1]}"
    return ", ".join(map(str, values[:12])) + (f" and {len(values) - 12} more" if len(values) > 12 else "")


def _coloured(colours: set[Colour], looked_at: str, inventory: Inventory) -> Masks:
    ordered = sorted(colours)
    names = _listed_names(inventory, len(ordered)) or [f"class_{index}" for index in range(len(ordered))]
    mapping = {str(colour): name for colour, name in zip(ordered, names, strict=True)}
    note = f"{len(ordered)} colours {looked_at}. Give them their names, and leave out those that are no class"
    return Masks({"id_mapping": mapping, "label_image_mode": "RGB"}, {"id_mapping": note})


def _values(files: Sequence[Path]) -> tuple[set[int], set[Colour]]:
    """Return the class indexes, or the colours, that occur; a few masks of the other kind do not count."""
    indexes: set[int] = set()
    colours: set[Colour] = set()
    coloured = 0
    for file in files:
        with contextlib.suppress(Exception), Image.open(file) as image:  # prepare_dataset reports it
            if image.mode in ("RGB", "RGBA", "CMYK", "LA"):
                pixels = np.asarray(image.convert("RGB"))
                found = np.unique(pixels.reshape(-1, 3).astype(np.int32) @ (65536, 256, 1))
                coloured += 1
                colours |= {(int(value) >> 16, int(value) >> 8 & 255, int(value) & 255) for value in found}
            else:
                pixels = np.asarray(image)
                indexes |= {int(value) for value in np.flatnonzero(np.bincount(pixels.ravel()))}
        if len(colours) > _MOST_COLOURS:
            raise UserError(f"{file}: more than {_MOST_COLOURS} colours; masks have one colour a class")
    if colours and all(red == green == blue for red, green, blue in colours):
        return indexes | {red for red, _, _ in colours}, set()
    return (indexes, colours) if 2 * coloured > len(files) else (indexes, set())


def _listed_names(inventory: Inventory, count: int) -> list[str] | None:
    """Return the names of a file beside the images that has one for each class."""
    for name in _NAME_FILES:
        for file in inventory.by_suffix.get(Path(name).suffix, ()):
            if file.name == name:
                with contextlib.suppress(OSError, UnicodeDecodeError):
                    lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
                    names = list(filter(None, lines))
                    if len(names) == len(set(names)) == count:
                        return names
    return None
