"""Digests of what lies behind a URI."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubepresso.storage import local
from kubepresso.storage.files import list_files
from kubepresso.storage.location import Entry, LocalPlace, locate

_THREADS = 8


def digest_folder(uri: str) -> str:
    """Return a digest of all files below a folder or prefix, independent of where it lies.

    On this machine every byte is read. In a bucket the ETags stand for the content, so the same files have
    one digest there and another here.

    Args:
        uri: A plain path, ``file://`` or ``s3://``; a single file is taken too.

    Returns:
        ``sha256:`` and the hexadecimal SHA-256 over the sorted keys, sizes and contents.

    Raises:
        UserError: Nothing is there, or it cannot be read.
    """
    place = locate(uri)
    entries = list_files(uri)
    if isinstance(place, LocalPlace):
        with ThreadPoolExecutor(_THREADS) as pool:
            contents = list(pool.map(lambda entry: _digest_file(place, entry), entries))
    else:
        contents = [entry.tag for entry in entries]
    total = hashlib.sha256()
    for entry, content in zip(entries, contents, strict=True):
        # A key holds no NUL, so no two lists of entries give the same bytes.
        total.update(f"{entry.key}\0{entry.size}\0{content}\0".encode("utf-8", "surrogateescape"))
    return f"sha256:{total.hexdigest()}"


def _digest_file(place: LocalPlace, entry: Entry) -> str:
    path = place.path / entry.key if place.path.is_dir() else place.path
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise local.explained(place, error) from error
