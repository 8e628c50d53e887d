"""One file or a listing, wherever it lies."""

from __future__ import annotations

from kubepresso.errors import UserError
from kubepresso.storage import local, s3
from kubepresso.storage.location import BucketPlace, Entry, locate


def read_bytes(uri: str, limit: int | None = None) -> bytes:
    """Read a file.

    Args:
        uri: A plain path, ``file://`` or ``s3://``.
        limit: Bytes to read at most; None: all.

    Raises:
        UserError: It is not there or cannot be read; says why and what to do.
    """
    place = locate(uri)
    return s3.read(place, limit) if isinstance(place, BucketPlace) else local.read(place, limit)


def exists(uri: str) -> bool:
    """Say whether there is a file, a folder, or any key below a prefix.

    Raises:
        UserError: The bucket is not there, does not answer or refuses.
    """
    place = locate(uri)
    return s3.exists(place) if isinstance(place, BucketPlace) else place.path.exists()


def list_files(uri: str, *, below: bool = True) -> list[Entry]:
    """List all files below a folder or prefix, sorted by key; a file gives itself.

    Args:
        uri: A plain path, ``file://`` or ``s3://``.
        below: Also in folders below.

    Raises:
        UserError: There is none, or the place cannot be read.
    """
    place = locate(uri)
    if isinstance(place, BucketPlace):
        found = _bucket_entries(place, below)
    else:
        found = list(local.entries(place, below))
    if not found:
        raise UserError(f"{uri}: holds no file; check the path or prefix")
    return sorted(found, key=lambda entry: entry.key)


def _bucket_entries(place: BucketPlace, below: bool) -> list[Entry]:
    found = s3.entries(place, below=below)
    single = s3.head(place) if place.key and not found else None
    return [single] if single is not None else found
