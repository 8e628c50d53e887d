"""Folders removed, wherever they lie."""

from __future__ import annotations

import shutil

from kubepresso.storage import s3
from kubepresso.storage.location import LocalPlace, locate
from kubepresso.storage.transfer import LAST


def remove_folder(uri: str) -> None:
    """Remove a folder or all keys below a prefix; ``manifest.json`` goes first, since it stands for a whole.

    Args:
        uri: A plain path, ``file://`` or ``s3://bucket/prefix``. What is not there is left at that.

    Raises:
        UserError: The bucket does not answer or refuses, or no prefix is named.
    """
    place = locate(uri)
    if isinstance(place, LocalPlace):
        shutil.rmtree(place.path, ignore_errors=True)
    else:
        s3.remove_below(place, first=LAST)
