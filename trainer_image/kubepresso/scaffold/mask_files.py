"""Masks among images: which they are, and what their names have beside those of their images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kubepresso.scaffold.inventory import LOOKED_AT, Inventory, spread

_WORDS = re.compile(r"mask|label|annot|segm|ground|(?<![a-z])gt|semantic", re.IGNORECASE)
#: Folders of masks that number objects, as Pascal VOC has beside those of classes.
_INSTANCES = re.compile(r"object|instance", re.IGNORECASE)
#: Of files that keep every value.
_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".gif"})
#: More values or colours in one image are a picture's.
_MOST_VALUES = 64


@dataclass(frozen=True)
class MaskFiles:
    """Masks and how they are named.

    Args:
        files: All of them.
        ending: What the name of a mask has after that of its image, such as ``_mask``; empty for nothing.
        mixed: Whether they lie among their images.
    """

    files: Sequence[Path]
    ending: str = ""
    mixed: bool = False

    @property
    def pattern(self) -> Mapping[str, str] | None:
        """Return ``data.path.pattern``; None where names are equal."""
        if not self.ending:
            return None
        ending = re.escape(self.ending)
        other = f"(?<!{ending})" if self.mixed else ""
        return {"image": rf"^(.+){other}\.\w+$", "label": rf"^(.+){ending}\.\w+$"}


def find_masks(inventory: Inventory) -> MaskFiles | None:
    """Find folders of masks: of a telling name, lossless, of few values, and with the names of images."""
    folders: dict[Path, list[Path]] = {}
    for file in inventory.images:
        folders.setdefault(file.parent, []).append(file)
    found = [made for folder in sorted(folders) if (made := _masks_in(folder, folders, inventory))]
    found = [made for made in found if not _INSTANCES.search(made.files[0].parent.name)] or found
    if not found:
        return None
    first = found[0]
    alike = [made for made in found if (made.ending, made.mixed) == (first.ending, first.mixed)]
    return MaskFiles([file for made in alike for file in made.files], first.ending, first.mixed)


def _masks_in(folder: Path, folders: Mapping[Path, list[Path]], inventory: Inventory) -> MaskFiles | None:
    files = [file for file in folders[folder] if file.suffix.lower() in _SUFFIXES]
    telling = _WORDS.search(inventory.name(folder)) is not None
    others = {file.stem for other, inside in folders.items() if other != folder for file in inside}
    if telling and _most(files, (file.stem in others for file in files)):
        return MaskFiles(files) if _are_masks(files) else None
    ending = _common_ending(files)
    marked = [file for file in files if ending and file.stem.endswith(ending)]
    images = others | {file.stem for file in folders[folder]}
    paired = _most(marked, (file.stem.removesuffix(ending) in images for file in marked))
    if not paired or not (telling or _WORDS.search(ending)) or not _are_masks(marked):
        return None
    return MaskFiles(marked, ending, mixed=len(marked) < len(folders[folder]))


def _most(files: Sequence[Path], hits: Iterable[bool]) -> bool:
    return sum(hits) > 0.5 * len(files)


def _common_ending(files: Sequence[Path]) -> str:
    """Return the ending, from a separator on, that most names with one have."""
    endings = Counter(ending for file in files for ending in _endings(file.stem))
    telling = [ending for ending, count in endings.most_common(8) if count > 1 and _WORDS.search(ending)]
    return next(iter(telling or (ending for ending, _ in endings.most_common(1))), "")


def _endings(stem: str) -> Iterator[str]:
    at = max(stem.rfind(separator) for separator in "_-.")
    if at > 0:
        yield stem[at:]


def _are_masks(files: Sequence[Path]) -> bool:
    """Tell whether none of some images has more values, or colours, than classes are likely to be.

    Files that cannot be decoded do not count.
    """
    counts = [count for file in spread(files, LOOKED_AT) if (count := _values(file)) is not None]
    return bool(counts) and max(counts) <= _MOST_VALUES


def _values(file: Path) -> int | None:
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image if len(image.getbands()) == 1 else image.convert("RGB"))
    except Exception:  # Pillow's readers raise anything; prepare_dataset reports it
        return None
    flat = (
        pixels.reshape(-1) if pixels.ndim == 2 else pixels.reshape(-1, 3).astype(np.int32) @ (65536, 256, 1)
    )
    return len(np.unique(flat))
