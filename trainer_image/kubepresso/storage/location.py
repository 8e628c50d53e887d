"""What a URI names: a place on this machine or a key in a bucket."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from kubepresso.errors import UserError

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True)
class LocalPlace:
    """A file or folder on this machine."""

    uri: str
    path: Path


@dataclass(frozen=True)
class BucketPlace:
    """A key, or the prefix of keys, in an S3 bucket; without slashes at its ends."""

    uri: str
    bucket: str
    key: str


@dataclass(frozen=True)
class Entry:
    """A file below a folder or prefix.

    Args:
        key: Path from the folder, with ``/``.
        size: Bytes.
        tag: ETag in a bucket without its quotes; empty on this machine.
        modified: Time of the last change, in seconds since 1970.
    """

    key: str
    size: int
    tag: str
    modified: float


def locate(uri: str) -> LocalPlace | BucketPlace:
    """Read a plain path, ``file://`` or ``s3://`` URI.

    Raises:
        UserError: Another scheme, a remote ``file://`` host, no bucket, or a NUL.
    """
    if not uri.strip() or "\0" in uri:
        raise UserError(f"{uri!r}: not a place; give a path, file:///path or s3://bucket/prefix")
    match = _SCHEME.match(uri)
    if match is None:
        # os.path leaves ~name as it is where there is no such user; pathlib raises.
        return LocalPlace(uri, Path(os.path.expanduser(uri)))
    scheme = match[1].lower()
    if scheme == "file":
        return LocalPlace(uri, _file_path(uri))
    if scheme == "s3":
        bucket, _, key = uri[len("s3://") :].partition("/")
        if not bucket:
            raise UserError(f"{uri}: no bucket named; write s3://bucket/prefix")
        return BucketPlace(uri, bucket, key.strip("/"))
    raise UserError(f"{uri}: {scheme}:// is not supported; allowed are a path, file:// and s3://")


def join(uri: str, *parts: str) -> str:
    """Return the URI of something below ``uri``; an absolute path or URI as a part stands for itself."""
    for part in parts:
        if _SCHEME.match(part) or part.startswith("/"):
            uri = part
        elif _SCHEME.match(uri):
            uri = f"{uri.rstrip('/')}/{PurePosixPath(part)}"
        else:
            uri = str(Path(uri) / part)
    return uri


def local_path(uri: str) -> Path | None:
    """Return the path of a place on this machine, None for one in a bucket.

    Raises:
        UserError: See :func:`locate`.
    """
    place = locate(uri)
    return place.path if isinstance(place, LocalPlace) else None


def _file_path(uri: str) -> Path:
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise UserError(f"{uri}: not a URI ({error}); write file:///path") from error
    if parts.netloc not in ("", "localhost"):
        raise UserError(f"{uri}: file:// takes no host, found {parts.netloc!r}; write file:///path")
    path = unquote(parts.path)
    if "\0" in path:
        raise UserError(f"{uri}: a path holds no NUL")
    return Path(path or "/")
