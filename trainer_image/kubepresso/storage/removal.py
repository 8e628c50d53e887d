"""Folders removed, wherever they lie."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from kubepresso.errors import UserError
from kubepresso.storage import s3
from kubepresso.storage.location import LocalPlace, locate
from kubepresso.storage.transfer import LAST


def remove_folder(uri: str) -> None:
    """Remove a folder or all keys below a prefix; ``manifest.json`` goes first, since it stands for a whole.

    Args:
        uri: A plain path, ``file://`` or ``s3://bucket/prefix``. What is not there is left at that.

    Raises:
        UserError: The bucket does not answer or refuses, no prefix is named, or the folder cannot be removed.
    """
    place = locate(uri)
    if isinstance(place, LocalPlace):
        try:
            _remove_at_one_blow(place.path)
        except OSError as error:
            raise UserError(f"{uri}: cannot be removed ({error.strerror})") from error
    else:
        s3.remove_below(place, first=LAST)


def _remove_at_one_blow(folder: Path) -> None:
    """Give the folder another name first, so that whoever writes into it at the same time notices."""
    place = folder.resolve()
    with (
        contextlib.suppress(FileNotFoundError),  # somebody else may have been the first to
        tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".old", dir=place.parent) as hidden,
    ):
        place.replace(hidden)
    if folder.is_symlink():
        folder.unlink()
