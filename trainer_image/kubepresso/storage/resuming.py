"""An object fetched in as many connections as it takes: each goes on where the one before broke off."""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path
from typing import Any

from kubepresso.errors import UserError
from kubepresso.storage.location import BucketPlace, Entry

#: Attempts in a row that may bring less than `_PROGRESS` bytes.
ATTEMPTS = 3
#: Before the second of them; then twice as long.
PAUSE_SECONDS = 0.4
_CHUNK = 1 << 17
_PROGRESS = _CHUNK


def partial_path(target: Path, entry: Entry) -> Path:
    """Return where an object is kept until it is whole; another content of the key has another place."""
    version = hashlib.sha256(f"{entry.tag} {entry.size}".encode()).hexdigest()[:12]
    return target.with_name(f".{target.name}.{version}.partial")


def fetch(client: Any, place: BucketPlace, entry: Entry, temporary: Path) -> bool:
    """Write an object to a file, after what is in it already.

    Args:
        client: Of boto3.
        place: Where the object is.
        entry: As listed: its ETag says whether the rest is of the same object.
        temporary: See `partial_path`; it stays if this fails, for the next call.

    Returns:
        Whether the object's ETag can be its MD5: not so for some kinds of encryption.

    Raises:
        UserError: The object is another one meanwhile.
    """
    from kubepresso.storage.s3_errors import PASSING_ERRORS

    fruitless = 0
    while True:
        had = _size(temporary)
        if had >= entry.size:
            had = 0
        answer = _get(client, place, entry, had)
        try:
            return _append(answer, place, temporary, had)
        except PASSING_ERRORS:  # while the body came, which botocore does not repeat by itself
            fruitless = 0 if _size(temporary) - had >= _PROGRESS else fruitless + 1
            if fruitless == ATTEMPTS:
                raise
            time.sleep(PAUSE_SECONDS * 2 ** max(fruitless - 1, 0))


def read_whole(client: Any, place: BucketPlace, limit: int | None) -> bytes:
    """Read an object, at most ``limit`` bytes of it, again from its start where the connection is lost."""
    from kubepresso.storage.s3_errors import PASSING_ERRORS

    failed = 0
    while True:
        with contextlib.closing(client.get_object(Bucket=place.bucket, Key=place.key)["Body"]) as body:
            try:
                content: bytes = body.read(limit)
                return content
            except PASSING_ERRORS:
                failed += 1
                if failed == ATTEMPTS:
                    raise
        time.sleep(PAUSE_SECONDS * 2 ** (failed - 1))


def _append(answer: Any, place: BucketPlace, temporary: Path, had: int) -> bool:
    from botocore.exceptions import ConnectionClosedError

    partial = answer["ResponseMetadata"]["HTTPStatusCode"] == 206  # else it is the whole object
    with contextlib.closing(answer["Body"]) as body:
        begins = str(answer.get("ContentRange", "")).startswith(f"bytes {had}-")
        if "ContentLength" not in answer or (partial and not begins):
            # Lost in the middle of the headers, whose end the HTTP client takes for theirs.
            raise ConnectionClosedError(endpoint_url=place.uri)
        with temporary.open("ab" if partial else "wb") as file:
            for chunk in body.iter_chunks(_CHUNK):
                file.write(chunk)
    return bool(answer.get("ServerSideEncryption", "AES256") == "AES256")


def _get(client: Any, place: BucketPlace, entry: Entry, had: int) -> Any:
    if not had:
        return client.get_object(Bucket=place.bucket, Key=place.key)
    from kubepresso.storage.s3_errors import is_changed

    try:
        return client.get_object(
            Bucket=place.bucket, Key=place.key, Range=f"bytes={had}-", IfMatch=f'"{entry.tag}"'
        )
    except Exception as error:
        if is_changed(error):
            raise UserError(f"{place.uri}: was changed while it was fetched; try again") from error
        raise


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
