"""The files below a folder, by kind, and a glance at some of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kubepresso.data.formats.naming import IMAGE_SUFFIXES, is_hidden
from kubepresso.errors import UserError

#: Files of one kind that are opened, spread over all of them.
LOOKED_AT = 12
_HEAD = 1 << 16
Item = TypeVar("Item")


@dataclass
class Inventory:
    """The files below a folder, by kind.

    Args:
        root: The folder.
        by_suffix: Files by lower-case suffix, sorted; hidden ones and folders are left out.
    """

    root: Path
    by_suffix: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def images(self) -> list[Path]:
        """All image files."""
        return [file for suffix in sorted(IMAGE_SUFFIXES) for file in self.by_suffix.get(suffix, ())]

    def some(self, suffix: str) -> list[Path]:
        """Return a few files with a suffix, spread over all of them."""
        return spread(self.by_suffix.get(suffix, []), LOOKED_AT)

    def called_as_images(self, suffix: str) -> list[Path]:
        """Return the files with a suffix that have the name of an image: its labels, in many layouts."""
        stems = {file.stem for file in self.images}
        return [file for file in self.by_suffix.get(suffix, ()) if file.stem in stems]

    def count(self, suffix: str) -> int:
        """Return how many files have a suffix."""
        return len(self.by_suffix.get(suffix, ()))

    def where(self, files: Sequence[Path]) -> str:
        """Return the folder below the root that holds all of some files, as it is said after a count."""
        common = Path(os.path.commonpath([file.parent for file in files]))
        return f" in {self.name(common)}" if common != self.root else ""

    def name(self, path: Path) -> str:
        """Return a path below the root."""
        return path.relative_to(self.root).as_posix()


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many items, evenly spread."""
    step = max(len(items) / most, 1.0)
    return [items[int(index * step)] for index in range(min(most, len(items)))]


def take_inventory(root: Path) -> Inventory:
    """List the files below a folder.

    Raises:
        UserError: It cannot be read, or there is no file in it.
    """
    inventory = Inventory(root)
    for parent, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if not is_hidden(name):
                path = Path(parent, name)
                inventory.by_suffix.setdefault(path.suffix.lower(), []).append(path)
    if not inventory.by_suffix:
        raise UserError(f"{root}: an empty folder; give the folder that holds images and labels")
    return inventory


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error


def head(file: Path) -> bytes:
    """Return the beginning of a file; nothing where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(_HEAD)
    except OSError:
        return b""
