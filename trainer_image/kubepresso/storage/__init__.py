"""Bytes and folders behind plain paths, ``file://`` and ``s3://`` URIs: get, put, list, digest."""

from kubepresso.storage.digests import digest_folder
from kubepresso.storage.files import exists, list_files, read_bytes
from kubepresso.storage.location import Entry, join, local_path
from kubepresso.storage.removal import remove_folder
from kubepresso.storage.transfer import get_folder, put_folder

__all__ = [
    "Entry",
    "digest_folder",
    "exists",
    "get_folder",
    "join",
    "list_files",
    "local_path",
    "put_folder",
    "read_bytes",
    "remove_folder",
]
