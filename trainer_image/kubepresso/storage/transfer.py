"""Whole folders from and to buckets: in parallel, resumed where they broke off, whole or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from kubepresso.errors import UserError
from kubepresso.storage import local, s3
from kubepresso.storage.atomic import atomic_folder, explained_write
from kubepresso.storage.location import BucketPlace, Entry, LocalPlace, locate
from kubepresso.storage.resuming import partial_path

#: The file by which a folder is known as whole goes last; where it was there before, it is emptied first.
LAST = "manifest.json"
Item = TypeVar("Item")


def get_folder(uri: str, target: Path, *, whole: bool = False) -> Path:
    """Copy all files below a folder or prefix to ``target``.

    Files go to a folder beside the target first, which takes the target's name when all are there and
    checked. If it breaks off, that folder stays, and the next call gets only what is missing or has changed.

    Args:
        uri: A plain path, ``file://`` or ``s3://``.
        target: Folder to make; what stood there is replaced.
        whole: It must hold the ``manifest.json`` that `put_folder` writes last.

    Returns:
        ``target``.

    Raises:
        UserError: Nothing is there, it is not whole, it cannot be read, a file changed meanwhile, or the disk
            is full.
    """
    place = locate(uri)
    if isinstance(place, LocalPlace):
        if whole and place.path.is_dir():
            _check_whole(uri, local.entries(place, below=False))
        _copy_folder(place, target)
        return target
    wanted = s3.entries(place)
    if not wanted:
        raise UserError(f"{uri}: holds no file below it; check the prefix")
    _check_keys(uri, wanted)
    if whole:
        _check_whole(uri, wanted)
    staging = target.with_name(f".{target.name}.download")
    with explained_write(staging):
        staging.mkdir(parents=True, exist_ok=True)
        _remove_strangers(staging, wanted)
        missing = [entry for entry in wanted if not _is_same(staging / entry.key, entry)]
        for folder in {(staging / entry.key).parent for entry in missing}:
            folder.mkdir(parents=True, exist_ok=True)
        _in_parallel(lambda entry: s3.download(_below(place, entry.key), entry, staging / entry.key), missing)
        if target.is_dir():
            shutil.rmtree(target)
        staging.replace(target)
    return target


def get_file(uri: str, target: Path) -> Path:
    """Copy one file to ``target``; if it breaks off, the next call goes on where it did.

    Args:
        uri: ``s3://``.
        target: File to make, in a folder that is there.

    Returns:
        ``target``.

    Raises:
        UserError: It is not there, cannot be read, changed meanwhile, or the disk is full.
    """
    place = locate(uri)
    assert isinstance(place, BucketPlace)
    entry = s3.head(place)
    if entry is None:
        raise UserError(f"{uri}: no such object; check the key")
    with explained_write(target):
        s3.download(place, entry, target)
    return target


def put_folder(source: Path, uri: str) -> None:
    """Copy all files of a folder to a folder or prefix, ``manifest.json`` last: it stands for a whole.

    Args:
        source: A folder.
        uri: A plain path or ``file://``, which is replaced, or ``s3://``, where other keys stay.

    Raises:
        UserError: The folder is not there, or the place cannot be written.
    """
    place = locate(uri)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder")
    if isinstance(place, LocalPlace):
        _copy_folder(LocalPlace(str(source), source), place.path)
        return
    keys = [entry.key for entry in local.entries(LocalPlace(str(source), source))]
    last = [key for key in keys if key == LAST]
    if last:  # what is overwritten file by file is not whole in between, whatever stood there
        s3.empty(_below(place, LAST))
    for group in ([key for key in keys if key != LAST], last):
        _in_parallel(lambda key: _upload(_below(place, key), source / key), group)


def _upload(place: BucketPlace, source: Path) -> None:
    try:
        s3.upload(place, source)
    except OSError as error:
        raise local.explained(LocalPlace(str(source), source), error) from error


def _copy_folder(place: LocalPlace, target: Path) -> None:
    if not place.path.is_dir():
        raise UserError(f"{place.uri}: no such folder")
    with atomic_folder(target) as folder:
        try:
            shutil.copytree(place.path, folder, dirs_exist_ok=True)
        except shutil.Error as error:
            raise UserError(
                [f"{source}: cannot be copied: {why}" for source, _, why in error.args[0]]
            ) from error


def _below(place: BucketPlace, key: str) -> BucketPlace:
    return BucketPlace(f"{place.uri.rstrip('/')}/{key}", place.bucket, f"{place.key}/{key}".lstrip("/"))


def _check_whole(uri: str, entries: Iterable[Entry]) -> None:
    if not is_whole(entries):
        raise UserError(
            f"{uri}: is not whole: its {LAST}, which is written last, is missing or empty; what writes it "
            "broke off or goes on: wait for it, or run it again"
        )


def is_whole(entries: Iterable[Entry]) -> bool:
    """Say whether a listing holds the file that `put_folder` writes last."""
    return any(entry.key == LAST and entry.size for entry in entries)


def _check_keys(uri: str, entries: Sequence[Entry]) -> None:
    """Refuse keys that would leave the target, as a bucket is not to be trusted with our paths.

    Those that would be a file and a folder at once are refused, too.
    """
    bad = [
        f"{uri}: the key {entry.key!r} is no path below a folder; rename it"
        for entry in entries
        if entry.key.startswith("/")
        or "\\" in entry.key
        or "\0" in entry.key
        or not {"..", ".", ""}.isdisjoint(entry.key.split("/"))
    ]
    bad += [
        f"{uri}: the key {key!r} is an object, and others lie below it, so it can be no file; rename it"
        for key in sorted({entry.key for entry in entries} & _folders_of(entries))
    ]
    if bad:
        raise UserError(bad)


def _folders_of(entries: Iterable[Entry]) -> set[str]:
    folders: set[str] = set()
    for entry in entries:
        folder = entry.key.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _is_same(path: Path, entry: Entry) -> bool:
    if not path.is_file():
        return False
    status = path.stat()
    if status.st_size != entry.size or abs(status.st_mtime - entry.modified) > 0.001:
        return False
    # Buckets know the time to the second, so what was written twice in one is told apart by its content.
    return not s3.is_md5(entry.tag) or s3.md5_of(path) == entry.tag


def _remove_strangers(folder: Path, wanted: Iterable[Entry]) -> None:
    keep = {folder / entry.key for entry in wanted} | {
        partial_path(folder / entry.key, entry) for entry in wanted
    }
    for path in folder.rglob("*"):
        if path.is_file() and path not in keep:
            path.unlink()


def _in_parallel(work: Callable[[Item], None], items: list[Item]) -> None:
    """Do the work in threads; the first error cancels what has not begun and is raised."""
    with ThreadPoolExecutor(s3.PARALLEL) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
