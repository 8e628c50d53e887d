"""Files on this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from kubepresso.errors import UserError
from kubepresso.storage.location import Entry, LocalPlace


def read(place: LocalPlace, limit: int | None) -> bytes:
    """Read a file, at most ``limit`` bytes of it.

    Raises:
        UserError: It is not there, is a folder, a pipe or a device, or cannot be read.
    """
    try:
        # A pipe without a writer would be waited for, and a device has no end.
        if not (stat.S_ISREG(mode := place.path.stat().st_mode) or stat.S_ISDIR(mode)):
            raise UserError(f"{place.path}: is a pipe or device, expected a file")
        with place.path.open("rb") as file:
            return file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise explained(place, error) from error


def entries(place: LocalPlace, below: bool = True) -> Iterator[Entry]:
    """Walk over all files below a folder, links followed; a file gives itself.

    Raises:
        UserError: The place is not there or cannot be read.
    """
    try:
        if not place.path.is_dir():
            yield _entry(place.path, place.path.name)
            return
        seen: set[tuple[int, int]] = set()
        for folder, subfolders, files in os.walk(place.path, followlinks=True, onerror=_raise):
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:  # a link to a folder above
                subfolders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            for name in files:
                path = Path(folder, name)
                if name.startswith(".") and path.is_symlink() and not path.exists():
                    continue  # a lock, as an editor makes one
                yield _entry(path, path.relative_to(place.path).as_posix())
            if not below:
                return
    except OSError as error:
        raise explained(place, error) from error


def explained(place: LocalPlace, error: OSError) -> UserError:
    """Say what is wrong with a place, and what to do."""
    where = error.filename or place.path
    if isinstance(error, FileNotFoundError):
        return UserError(f"{where}: no such file or folder (looked from {Path.cwd()}); check the path")
    if isinstance(error, IsADirectoryError):
        return UserError(f"{where}: is a folder, expected a file")
    if isinstance(error, PermissionError):
        return UserError(f"{where}: no permission to read; change its mode or owner")
    return UserError(f"{where}: cannot be read: {error.strerror or error}")


def _entry(path: Path, key: str) -> Entry:
    status = path.stat()
    return Entry(key, status.st_size, "", status.st_mtime)


def _raise(error: OSError) -> None:
    raise error
