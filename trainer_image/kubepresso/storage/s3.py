"""Objects in S3-compatible buckets. boto3 is imported at the first use: it takes a third of a second."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubepresso.errors import UserError
from kubepresso.storage.location import BucketPlace, Entry
from kubepresso.storage.resuming import fetch, partial_path, read_whole

#: Connections, and so threads, at a time.
PARALLEL = 8
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
#: Of each request, with growing pauses; more than that is not a hiccup.
ATTEMPTS = 4
#: An endpoint that takes the connection and then is silent is found out by a first small request.
PROBE_TIMEOUT_SECONDS = 6
_MD5 = re.compile(r"^[0-9a-f]{32}$")
_LOCK = threading.Lock()


def read(place: BucketPlace, limit: int | None) -> bytes:
    """Read an object, at most ``limit`` bytes of it.

    Raises:
        UserError: It is not there, or the bucket does not answer or refuses.
    """
    with _calls(place) as client:
        return read_whole(client, place, limit)


def exists(place: BucketPlace) -> bool:
    """Say whether there is an object of this key, or any below it.

    Raises:
        UserError: The bucket is not there, does not answer or refuses.
    """
    # Two, since the first may be the marker of the folder itself.
    return bool(entries(place, limit=2)) or (bool(place.key) and head(place) is not None)


def entries(place: BucketPlace, limit: int | None = None, below: bool = True) -> list[Entry]:
    """List the objects below a prefix, at most ``limit``; without ``below`` only those with no further slash.

    Raises:
        UserError: The bucket is not there, does not answer or refuses.
    """
    prefix = f"{place.key}/" if place.key else ""
    with _calls(place) as client:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket,
            Prefix=prefix,
            Delimiter="" if below else "/",
            PaginationConfig={"MaxItems": limit},
        )
        items = [item for page in pages for item in page.get("Contents", ())]
    # A key that ends in a slash is what some tools leave in place of a folder.
    return [
        _entry(item, "Size", item["Key"].removeprefix(prefix)) for item in items if item["Key"][-1:] != "/"
    ]


def head(place: BucketPlace) -> Entry | None:
    """Describe one object, None where it is not there.

    Raises:
        UserError: The bucket is not there, does not answer or refuses.
    """
    from kubepresso.storage.s3_errors import is_missing

    with _calls(place) as client:
        try:
            item = client.head_object(Bucket=place.bucket, Key=place.key)
        except Exception as error:
            if is_missing(error):
                return None
            raise
    return _entry(item, "ContentLength", place.key.rpartition("/")[2])


def download(place: BucketPlace, entry: Entry, target: Path) -> None:
    """Write an object to ``target``, which is there only when it is whole: size and, where it is one, MD5.

    A lost connection is made again, and goes on where it broke off; so does the next call after a failure.

    Raises:
        UserError: It cannot be read, or what arrives is not what the listing said.
    """
    temporary = partial_path(target, entry)
    if not (_fetched(place, entry, temporary) or _fetched(place, entry, temporary)):
        raise UserError(
            f"{place.uri}: what arrived differs from the listing; was it changed meanwhile? try again"
        )
    os.utime(temporary, (entry.modified, entry.modified))
    temporary.replace(target)


def _fetched(place: BucketPlace, entry: Entry, temporary: Path) -> bool:
    """Fetch an object; say whether it is what was listed, else nothing of it stays."""
    with _calls(place) as client:
        may_be_md5 = fetch(client, place, entry, temporary) and is_md5(entry.tag)
    same = temporary.stat().st_size == entry.size and (not may_be_md5 or md5_of(temporary) == entry.tag)
    if not same:
        temporary.unlink()
    return same


def is_md5(tag: str) -> bool:
    """Say whether an ETag has the form of an MD5: not so for what was uploaded in parts."""
    return _MD5.match(tag) is not None


def md5_of(path: Path) -> str:
    """Return the MD5 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def upload(place: BucketPlace, source: Path) -> None:
    """Write a file to a key.

    Raises:
        UserError: The bucket does not answer or refuses.
    """
    with _calls(place) as client:
        client.upload_file(str(source), place.bucket, place.key, Config=_transfer())


def empty(place: BucketPlace) -> None:
    """Leave an object without content at a key, if it is known that there is one.

    Raises:
        UserError: The bucket does not answer or refuses the writing.
    """
    from kubepresso.storage.s3_errors import is_denied, is_missing

    with _calls(place) as client:
        try:
            client.head_object(Bucket=place.bucket, Key=place.key)
        except Exception as error:
            if is_missing(error) or is_denied(error):  # those who may not list are not told
                return
            raise
        client.put_object(Bucket=place.bucket, Key=place.key, Body=b"")


def remove_below(place: BucketPlace, first: str) -> None:
    """Remove all objects below a prefix, those of the name ``first`` before the others.

    Raises:
        UserError: The bucket does not answer or refuses, or the place is a whole bucket.
    """
    if not place.key:
        raise UserError(f"{place.uri}: a whole bucket is never emptied; name a prefix")
    found = sorted(entries(place), key=lambda entry: entry.key.rpartition("/")[2] != first)
    with _calls(place) as client:
        for entry in found:
            client.delete_object(Bucket=place.bucket, Key=f"{place.key}/{entry.key}")


def _entry(item: Any, size: str, key: str) -> Entry:
    return Entry(key, int(item[size]), item["ETag"].strip('"'), item["LastModified"].timestamp())


@contextlib.contextmanager
def _calls(place: BucketPlace) -> Iterator[Any]:
    """Give a client whose bucket is known to answer; what goes wrong becomes a UserError."""
    with _LOCK:  # the imports and sessions of boto3 are not made for threads
        from kubepresso.storage import s3_errors

        endpoint = _endpoint()
    try:
        with _LOCK:
            _probe(endpoint, place.bucket)
            client = _client(endpoint, READ_TIMEOUT_SECONDS, ATTEMPTS)
        endpoint = client.meta.endpoint_url
        yield client
    except s3_errors.BUCKET_ERRORS as error:
        _client.cache_clear()  # each has a quota of retries, which an outage uses up for long
        raise s3_errors.explained(place, endpoint or "of AWS", error) from error
    except ValueError as error:  # botocore on an endpoint that is no URL
        if "endpoint" not in str(error).lower():
            raise
        problem = f"{place.uri}: {error}; set AWS_ENDPOINT_URL_S3 to http(s)://host:port"
        raise UserError(s3_errors.without_secrets(problem)) from error


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


@functools.lru_cache(maxsize=64)
def _probe(endpoint: str, bucket: str) -> None:
    """Ask for the bucket once a process, with little patience. A refusal is an answer too."""
    from kubepresso.storage.s3_errors import is_denied

    try:
        _client(endpoint, PROBE_TIMEOUT_SECONDS, 2).list_objects_v2(Bucket=bucket, MaxKeys=1)
    except Exception as error:
        if not is_denied(error):
            raise


@functools.lru_cache(maxsize=16)
def _client(endpoint: str, read_timeout: int, attempts: int) -> Any:
    """Make a client for an endpoint; '' is the one of boto3's own files or AWS.

    Checksums only where a call requires them: servers other than AWS do not know the newer ones.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=2 * PARALLEL,
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    session = boto3.session.Session()
    region = session.region_name or "us-east-1"
    return session.client("s3", region_name=region, endpoint_url=endpoint or None, config=config)


def _transfer() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(max_concurrency=2, use_threads=True)
